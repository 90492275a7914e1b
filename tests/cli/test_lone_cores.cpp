#include "cli/cluster/lone_cores.h"

#include "tests/support/catch.h"

using namespace keel;
using namespace keel::cli;
using Masks = std::vector<std::vector<int>>;

namespace {

/// Two nodes of four cores each; with hyper-threads, processors 8 to 15 are the second ones.
std::vector<Cpu> machine(bool hyper_threads = false) {
    std::vector<Cpu> cpus;
    for (int id = 0; id < (hyper_threads ? 16 : 8); ++id)
        cpus.push_back({.id = id, .core = id % 8, .node = id % 8 / 4, .socket = id % 8 / 4});
    return cpus;
}

}  // namespace

TEST_CASE("A second run takes the node that the first one left", "[cores]") {
    CHECK(lone_masks(machine(), {}, 4) == Masks(4, {0, 1, 2, 3}));
    CHECK(lone_masks(machine(), {0, 1, 2, 3}, 4) == Masks(4, {4, 5, 6, 7}));
    CHECK(lone_masks(machine(), {4}, 4) == Masks(4, {0, 1, 2, 3}));
    // What is left of a node is enough, and another's processors are not among those of the masks.
    CHECK(lone_masks(machine(), {0, 1}, 2) == Masks(2, {2, 3}));
    CHECK(lone_masks(machine(), {0, 1}, 3) == Masks(3, {4, 5, 6, 7}));
    CHECK(lone_masks(machine(), {}, 8) == Masks{{0, 1, 2, 3},
                                                {0, 1, 2, 3},
                                                {0, 1, 2, 3},
                                                {0, 1, 2, 3},
                                                {4, 5, 6, 7},
                                                {4, 5, 6, 7},
                                                {4, 5, 6, 7},
                                                {4, 5, 6, 7}});
}

TEST_CASE("Where there is no room for a team it is bound to nothing", "[cores]") {
    CHECK(lone_masks(machine(), {0}, 8).empty());
    CHECK(lone_masks(machine(), {0, 1, 2, 3, 4}, 4).empty());
    CHECK(lone_masks(machine(), {0, 1, 2, 3, 4, 5, 6, 7}, 1).empty());
    std::vector<Cpu> one_node = machine();
    for (Cpu& cpu : one_node) cpu.node = 0;
    CHECK(lone_masks(one_node, {}, 4).empty());
    CHECK(lone_masks({}, {}, 1).empty());
}

TEST_CASE("A core is taken with any of its hyper-threads", "[cores]") {
    const std::vector<Cpu> free = free_cpus(machine(true), {9, 2});
    REQUIRE(free.size() == 12);
    for (const Cpu& cpu : free) CHECK((cpu.core != 1 && cpu.core != 2));
    CHECK(lone_masks(machine(true), {8, 9, 10}, 4) == Masks(4, {4, 5, 6, 7, 12, 13, 14, 15}));
}
