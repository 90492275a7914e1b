// Ranks are threads here, so only what binds none of them is tried; tests/cli/test_ranks.cpp looks at bound ones.
#include "cli/cluster/rank_cores.h"

#include "distributed/thread_communicator.h"
#include "kernels/error.h"
#include "kernels/parallel.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/environment.h"

using namespace keel;
using namespace keel::cli;
using keel::test::contains;
using keel::test::EnvironmentScope;

TEST_CASE("More threads than a node has cores are refused on all of its ranks", "[cores]") {
    const EnvironmentScope mpi("OMPI_MCA_rmaps_base_oversubscribe", nullptr), slurm("SLURM_OVERCOMMIT", nullptr),
        prte("PRTE_MCA_rmaps_base_oversubscribe", nullptr);
    std::string messages[2];
    run_worlds({2, 2, {}}, [&](World& world) {
        try {
            take_cores(world, {.threads = allowed_cores()});  // of each of the two
        } catch (const UsageError& error) {
            messages[world.rank()] = error.what();
        }
    });
    for (const std::string& message : messages) CHECK_THAT(message, contains("[cores] 2 ranks of "));
}

TEST_CASE("Ranks divide the processors that other runs leave, and bind to none where those are too few", "[cores]") {
    NodeCores node;
    for (int id = 0; id < 8; ++id) node.cpus.push_back({.id = id, .core = id, .node = id / 4, .socket = id / 4});
    const CoreRequest two{.ranks = 2, .threads = 2};
    const auto processors = [](const NodeShare& share) {
        std::vector<std::vector<int>> all;
        for (const RankCores& rank : share.plan.ranks) all.push_back(rank.compute);
        return all;
    };
    using Lists = std::vector<std::vector<int>>;
    const NodeShare alone = share_node(node, {}, two, "auto");
    CHECK(alone.binds);
    CHECK(alone.notes.empty());
    CHECK(processors(alone) == Lists{{0, 1}, {4, 5}});

    const NodeShare second = share_node(node, {0, 1, 4, 5}, two, "auto");
    CHECK(second.binds);
    CHECK(processors(second) == Lists{{2, 3}, {6, 7}});
    REQUIRE(second.notes.size() == 1);
    CHECK_THAT(second.notes[0], contains("other runs of Keel compute on 4 of this node's 8 processors"));

    const NodeShare third = share_node(node, {0, 1, 2, 3, 4, 5}, two, "auto");
    CHECK_FALSE(third.binds);
    CHECK(third.plan.threads == 2);
    CHECK_THAT(third.notes.at(0), contains("no thread is bound"));
    CHECK_FALSE(share_node(node, {0, 1, 2, 3, 4, 5, 6, 7}, two, "auto").binds);

    CHECK(processors(share_node(node, {0, 1, 4, 5}, two, "always")) == Lists{{0, 1}, {4, 5}});
    CHECK(share_node(node, {0, 1, 4, 5}, two, "always").binds);
    CHECK_FALSE(share_node(node, {}, two, "never").binds);
    // Nobody asked for so many threads: those that have room.
    CHECK(share_node(node, {0, 1, 4, 5}, {.ranks = 2}, "auto").plan.threads == 2);
    CHECK_THROWS_AS(share_node(node, {}, {.ranks = 2, .threads = 5}, "auto"), UsageError);
}
