#include "kernels/node_memory.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernels/parallel.h"
#include "kernels/topology.h"
#include "tests/support/catch.h"
#include "tests/support/two_nodes.h"

using namespace keel;
using namespace keel::test;

TEST_CASE("A team's nodes are those that it needs", "[node_memory]") {
    const auto nodes_of = [](std::vector<Cpu> cpus, int threads) {
        const CpuScope scope(std::move(cpus));
        const ThreadScope team(threads);
        return team_nodes();
    };
    CHECK(nodes_of(nodes_of_cores(2, 28), 56) == std::vector{0, 1});
    CHECK(nodes_of(nodes_of_cores(2, 28), 28) == std::vector{0});
    CHECK(nodes_of(nodes_of_cores(4, 14), 30) == std::vector{0, 1, 2});
    CHECK(nodes_of(nodes_of_cores(1, 2), 2) == std::vector{0});
    // A cpuset of the second node alone.
    std::vector<Cpu> second = nodes_of_cores(2, 28);
    second.erase(second.begin(), second.begin() + 28);
    CHECK(nodes_of(second, 56) == std::vector{1});
    // Node 1 has no memory.
    std::vector<Cpu> odd = nodes_of_cores(3, 4);
    for (Cpu& cpu : odd)
        if (cpu.node == 1) cpu.memory = 2;
    CHECK(nodes_of(odd, 12) == std::vector{0, 2});
}

TEST_CASE("Nodes are told the system as bits", "[node_memory]") {
    CHECK(node_bits({}).empty());
    CHECK(node_bits({0, 1}) == std::vector{3UL});
    CHECK(node_bits({70, 1, 63}) == std::vector{(1UL << 63) | 2UL, 1UL << 6});
}

TEST_CASE("Pages are interleaved where the system lets them be", "[node_memory]") {
    constexpr std::size_t kBytes = std::size_t{1} << 20;
    void* pages = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(pages != MAP_FAILED);
    CHECK_FALSE(interleave_pages(pages, kBytes, {1000}));  // there is no such node
    const int node = process_cpus().front().memory_node();
    int policy = -1;
    if (interleave_pages(pages, kBytes, {node}) &&
        ::syscall(SYS_get_mempolicy, &policy, nullptr, 0, pages, 2 /* of an address */) == 0)
        CHECK(policy == 3);
    static_cast<char*>(pages)[kBytes - 1] = 1;
    ::munmap(pages, kBytes);
}

TEST_CASE("What runs on a node runs on its processors", "[node_memory]") {
    if (!TwoNodes::possible()) return;
    const TwoNodes two;
    CHECK(team_nodes() == std::vector{0, 1});
    for (const int node : {0, 1, 0}) {
        std::vector<Cpu> used;
        run_on_node(node, [&] { used = allowed_cpus(); });
        REQUIRE(used.size() == 1);
        CHECK(used.front().id == process_cpus()[static_cast<std::size_t>(node)].id);
    }
    bool ran = false;
    run_on_node(7, [&] { ran = true; });  // which has no processors
    CHECK(ran);
}
