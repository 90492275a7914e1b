#include "distributed/planning/core_plan.h"

#include <algorithm>
#include <set>

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using keel::test::contains;

namespace {

/// Linux's usual numbering: the first hyper-threads of all cores, socket by socket, then the second ones.
NodeCores machine(int sockets, int cores, int hyper_threads, int nodes_a_socket = 1) {
    NodeCores node;
    for (int id = 0; id < sockets * cores * hyper_threads; ++id) {
        const int core = id % (sockets * cores);
        node.cpus.push_back({id, core, core * nodes_a_socket / cores, core / cores});
    }
    return node;
}

NodeCores masked(NodeCores node, const std::vector<int>& ids) {
    std::erase_if(node.cpus, [&](const Cpu& cpu) { return std::ranges::find(ids, cpu.id) == ids.end(); });
    return node;
}

std::vector<int> range(int from, int to) {
    std::vector<int> ids;
    for (int id = from; id < to; ++id) ids.push_back(id);
    return ids;
}

std::vector<int> both(std::vector<int> a, const std::vector<int>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

/// What holds of every plan without oversubscription: threads on allowed cores, each core one thread, ranks apart.
void check_plan(const NodeCores& node, const CorePlan& plan) {
    std::set<int> cores, processors;
    std::size_t threads = 0, listed = 0;
    for (const RankCores& rank : plan.ranks) {
        CHECK(static_cast<int>(rank.compute.size()) == plan.threads);
        CHECK(!rank.communication.empty());
        CHECK(!rank.loaders.empty());
        threads += rank.compute.size();
        std::set<int> mine(rank.compute.begin(), rank.compute.end());
        mine.insert(rank.communication.begin(), rank.communication.end());
        mine.insert(rank.loaders.begin(), rank.loaders.end());
        listed += mine.size();
        processors.insert(mine.begin(), mine.end());
        for (const int id : mine) {
            const auto cpu = std::ranges::find(node.cpus, id, &Cpu::id);
            REQUIRE(cpu != node.cpus.end());
            CHECK(std::ranges::find(rank.sockets, cpu->socket) != rank.sockets.end());
        }
        for (const int id : rank.compute) cores.insert(std::ranges::find(node.cpus, id, &Cpu::id)->core);
    }
    CHECK(cores.size() == threads);      // each core one thread of a team
    CHECK(processors.size() == listed);  // no processor with two ranks
    CHECK(plan.cores == core_count(node.cpus));
    CHECK(plan.cores - plan.idle_cores ==
          static_cast<int>(plan.ranks.size()) * (plan.threads + (plan.own_core ? 1 : 0)));
}

}  // namespace

TEST_CASE("Two sockets without hyper-threads: a rank each, one core kept for talking and decoding", "[core_plan]") {
    const int cores = GENERATE(20, 28, 56);
    const NodeCores node = machine(2, cores, 1);
    const CorePlan plan = plan_cores(node, {});
    check_plan(node, plan);
    REQUIRE(plan.ranks.size() == 2);
    CHECK(plan.threads == cores - 1);
    CHECK(plan.own_core);
    CHECK(plan.idle_cores == 0);
    CHECK(plan.notes.empty());
    CHECK(plan.ranks_on_socket(0) == 1);
    CHECK(plan.ranks_on_socket(1) == 1);
    CHECK(plan.ranks[0].compute == range(0, cores - 1));
    CHECK(plan.ranks[1].compute == range(cores, 2 * cores - 1));
    CHECK(plan.ranks[1].communication == std::vector{2 * cores - 1});
    CHECK(plan.ranks[1].loaders == std::vector{2 * cores - 1});
    CHECK(plan.ranks[1].sockets == std::vector{1});
}

TEST_CASE("Two sockets with hyper-threads: every core computes, the second ones talk and decode", "[core_plan]") {
    const int cores = GENERATE(20, 28, 56);
    const NodeCores node = machine(2, cores, 2);
    const CorePlan plan = plan_cores(node, {});
    check_plan(node, plan);
    REQUIRE(plan.ranks.size() == 2);
    CHECK(plan.threads == cores);
    CHECK_FALSE(plan.own_core);
    CHECK(plan.ranks[0].compute == range(0, cores));
    CHECK(plan.ranks[0].communication == std::vector{3 * cores - 1});  // of core `cores - 1`
    CHECK(plan.ranks[0].loaders == range(2 * cores, 3 * cores - 1));
    CHECK(plan.ranks[1].communication == std::vector{4 * cores - 1});
}

TEST_CASE("Four and eight ranks of a node", "[core_plan]") {
    const NodeCores node = machine(2, 28, 1);
    const CorePlan four = plan_cores(node, {.ranks = 4}), eight = plan_cores(node, {.ranks = 8});
    check_plan(node, four);
    check_plan(node, eight);
    CHECK(four.threads == 13);
    CHECK(four.ranks_on_socket(0) == 2);
    CHECK(four.ranks[1].compute == range(14, 27));
    CHECK(eight.threads == 7);  // too few to spare one: decoders run on all of the rank's cores
    CHECK(eight.ranks[7].loaders == range(49, 56));
    CHECK(eight.ranks[7].communication == range(49, 56));
    CHECK(eight.ranks_on_socket(1) == 4);
}

TEST_CASE("One rank alone has the whole node and keeps no core for talking", "[core_plan]") {
    const NodeCores node = machine(2, 20, 1);
    const CorePlan plan = plan_cores(node, {.ranks = 1, .alone = true});
    CHECK(plan.threads == 40);
    CHECK(plan.ranks[0].compute == range(0, 40));
    CHECK(plan.ranks[0].sockets == range(0, 2));
    CHECK(plan.ranks[0].loaders == range(0, 40));
    CHECK(plan_cores(node, {.ranks = 1}).threads == 39);
}

TEST_CASE("Ranks do not cross NUMA nodes, and what stays idle is told", "[core_plan]") {
    const NodeCores node = machine(2, 20, 2);
    const CorePlan plan = plan_cores(node, {.ranks = 3});
    check_plan(node, plan);
    CHECK(plan.threads == 10);
    CHECK(plan.idle_cores == 10);
    REQUIRE(plan.notes.size() == 1);
    CHECK(plan.notes[0] == "10 of 40 cores stay idle; 2 ranks would use 40");
    CHECK(plan_cores(node, {.threads = 10}).ranks.size() == 4);
    CHECK(plan_cores(node, {.threads = 15}).ranks.size() == 2);
    // Two NUMA nodes a socket (sub-NUMA clusters): a rank each.
    const NodeCores clusters = machine(2, 20, 1, 2);
    const CorePlan four = plan_cores(clusters, {});
    check_plan(clusters, four);
    CHECK(four.ranks.size() == 4);
    CHECK(four.ranks_on_socket(1) == 2);
    const CorePlan two = plan_cores(clusters, {.ranks = 2});
    CHECK(two.threads == 19);
    CHECK(two.ranks[1].sockets == std::vector{1});
    const CorePlan three = plan_cores(clusters, {.ranks = 3});
    check_plan(clusters, three);
    CHECK(three.threads == 10);
}

TEST_CASE("Cpusets are honoured", "[core_plan]") {
    // Slurm gave half of the second socket, with both hyper-threads.
    const NodeCores node = machine(2, 20, 2);
    const NodeCores half = masked(node, both(range(30, 40), range(70, 80)));
    const CorePlan plan = plan_cores(half, {});
    check_plan(half, plan);
    REQUIRE(plan.ranks.size() == 1);
    CHECK(plan.threads == 10);
    CHECK(plan.ranks[0].compute == range(30, 40));
    CHECK(plan.ranks[0].communication == std::vector{79});
    CHECK(plan.ranks[0].sockets == std::vector{1});
    // One hyper-thread missing somewhere: nobody can count on them.
    const NodeCores one_less = masked(half, both(range(30, 40), range(71, 80)));
    CHECK(plan_cores(one_less, {}).ranks[0].communication == both(range(30, 40), range(71, 80)));
    // Unequal sockets: 10 and 20 cores. Three ranks of 10 use all, two of 10 leave 10 idle.
    const NodeCores unequal = masked(machine(2, 20, 1), range(10, 40));
    const CorePlan three = plan_cores(unequal, {});
    check_plan(unequal, three);
    CHECK(three.ranks.size() == 3);
    CHECK(three.threads == 10);
    CHECK(three.ranks_on_socket(1) == 2);
    CHECK_THAT(plan_cores(unequal, {.ranks = 2}).notes.at(0), contains("3 ranks would use 30"));
    // Only second hyper-threads.
    const NodeCores second = masked(node, range(40, 60));
    CHECK(plan_cores(second, {}).ranks.at(0).compute == range(40, 59));
}

TEST_CASE("A quota of CPU time limits the threads", "[core_plan]") {
    NodeCores node = machine(2, 20, 1);
    node.quota = 8.5;
    const CorePlan plan = plan_cores(node, {.ranks = 2});
    check_plan(node, plan);
    CHECK(plan.threads == 4);
    CHECK_THAT(plan.notes.at(0), contains("quota of 9 cores"));
    CHECK_THROWS_WITH(plan_cores(node, {.ranks = 10}),
                      contains("10 ranks of 1 thread") && contains("quota of 9 cores"));
    CHECK_THROWS_AS(plan_cores(node, {.ranks = 2, .threads = 5}), UsageError);
    node.quota = 0.5;
    CHECK(plan_cores(node, {}).ranks.size() == 1);
    CHECK(plan_cores(node, {}).threads == 1);
    CHECK_THROWS_AS(plan_cores(node, {.ranks = 2}), UsageError);
}

TEST_CASE("Oversubscription is refused unless asked for", "[core_plan]") {
    const NodeCores node = machine(1, 2, 1);
    CHECK_THROWS_WITH(plan_cores(node, {.ranks = 4}),
                      contains("4 ranks of 1 thread do not fit on 2 cores") && contains("oversubscription"));
    CHECK_THROWS_WITH(plan_cores(node, {.ranks = 2, .threads = 2}), contains("each rank has 1 core"));
    const CorePlan four = plan_cores(node, {.ranks = 4, .oversubscribe = true});
    CHECK(four.oversubscribed);
    CHECK(four.threads == 1);
    for (int rank = 0; rank < 4; ++rank)
        CHECK(four.ranks[static_cast<std::size_t>(rank)].compute == std::vector{rank % 2});
    CHECK(four.notes.at(0) == "4 threads share 2 cores, as asked for");
    const CorePlan two = plan_cores(node, {.ranks = 2, .threads = 3, .oversubscribe = true});
    CHECK(two.ranks[1].compute == std::vector{1, 1, 1});
    // Asked for but not needed.
    CHECK_FALSE(plan_cores(node, {.ranks = 2, .oversubscribe = true}).oversubscribed);
    // A second hyper-thread is no core.
    CHECK_THROWS_AS(plan_cores(machine(1, 2, 2), {.ranks = 1, .threads = 3}), UsageError);
    CHECK_THROWS_AS(plan_cores({}, {}), UsageError);
    CHECK_THROWS_AS(plan_cores(node, {.ranks = -1}), UsageError);
}

TEST_CASE("Any number of ranks and threads gives a plan that holds, or a refusal", "[core_plan]") {
    int plans = 0, refusals = 0;
    for (const NodeCores& node : {machine(1, 2, 1), machine(2, 4, 2), machine(2, 20, 1), machine(4, 12, 2, 2),
                                  masked(machine(2, 20, 2), both(range(3, 17), range(25, 60)))})
        for (int ranks = 0; ranks < 50; ranks += ranks < 9 ? 1 : 7)
            for (const int threads : {0, 1, 3, 12, 20}) {
                CAPTURE(node.cpus.size(), ranks, threads);
                try {
                    check_plan(node, plan_cores(node, {.ranks = ranks, .threads = threads}));
                    ++plans;
                } catch (const UsageError&) {
                    ++refusals;
                    const CorePlan asked =
                        plan_cores(node, {.ranks = ranks, .threads = threads, .oversubscribe = true});
                    CHECK(asked.oversubscribed);
                    if (ranks > 0) CHECK(static_cast<int>(asked.ranks.size()) == ranks);
                }
            }
    CHECK(plans > 100);
    CHECK(refusals > 50);
}

TEST_CASE("The plan of this machine", "[core_plan]") {
    const NodeCores node{.cpus = process_cpus()};
    const CorePlan plan = plan_cores(node, {});
    check_plan(node, plan);
    CHECK(plan.threads >= 1);
}

TEST_CASE("Lists of processors and the lines for launchers", "[core_plan]") {
    CHECK(cpu_list({}) == "-");
    CHECK(cpu_list({5}) == "5");
    CHECK(cpu_list({3, 1, 2, 7, 8, 8, 10}) == "1-3,7-8,10");
    const CorePlan plan = plan_cores(machine(2, 20, 2), {});
    CHECK(mpirun_line(plan, 1, "keel train") == "mpirun -np 2 --map-by ppr:2:node --bind-to none keel train");
    CHECK(mpirun_line(plan, 32, "keel train") ==
          "mpirun -np 64 --hostfile hosts --map-by ppr:2:node --bind-to none keel train");
    CHECK(srun_line(plan, 32, "keel train") ==
          "srun --mpi=pmix --nodes=32 --ntasks-per-node=2 --cpus-per-task=40 --cpu-bind=none keel train");
    const CorePlan crowded = plan_cores(machine(1, 2, 1), {.ranks = 4, .oversubscribe = true});
    CHECK_THAT(mpirun_line(crowded, 1, "x"), contains("--oversubscribe --mca mpi_yield_when_idle 1"));
    CHECK_THAT(srun_line(crowded, 1, "x"), contains("--overcommit"));

    // Other makes of MPI have other words for the same.
    CHECK(mpi_make("Open MPI 4.1.4") == MpiMake::open_mpi_4);
    CHECK(mpi_make("Open MPI 5.0.7") == MpiMake::open_mpi_5);
    CHECK(mpi_make("MPICH 4.0.2") == MpiMake::mpich);
    CHECK(mpi_make("Intel(R) MPI Library 2021.12 for Linux* OS") == MpiMake::mpich);
    CHECK(mpi_make("") == MpiMake::open_mpi_4);
    CHECK(mpi_make("Open MPI ") == MpiMake::open_mpi_4);
    CHECK(mpirun_line(crowded, 1, "x", MpiMake::open_mpi_5) ==
          "mpirun -np " + std::to_string(crowded.ranks.size()) +
              " --map-by ppr:" + std::to_string(crowded.ranks.size()) +
              ":node:OVERSUBSCRIBE --bind-to none --mca mpi_yield_when_idle 1 -x KEEL_OVERSUBSCRIBE=1 x");
    CHECK(mpirun_line(plan, 32, "keel train", MpiMake::mpich) ==
          "mpirun -np 64 -f hosts -ppn 2 -bind-to none keel train");
    CHECK(mpirun_words(MpiMake::mpich, {.ranks = 3, .hosts = "a:2,b:1", .crowded = true}) ==
          std::vector<std::string>{"-np", "3", "-hosts", "a:2,b:1", "-bind-to", "none", "-genv", "KEEL_OVERSUBSCRIBE",
                                   "1"});
}
