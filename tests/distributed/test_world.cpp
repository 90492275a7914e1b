#include "distributed/world.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "distributed/collectives/self_test.h"
#include "distributed/mpi/launched.h"
#include "distributed/thread_communicator.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/environment.h"

using namespace keel;

TEST_CASE("jobs run in order on one thread, and their failures come back", "[world]") {
    World world([] { return std::shared_ptr<Communicator>(self_communicator()); });
    CHECK(world.is_single());
    std::vector<int> order;
    std::thread::id first, other;
    world.start([&](Communicator&) { order.push_back(1), first = std::this_thread::get_id(); });
    world.start([&](Communicator&) { order.push_back(2), other = std::this_thread::get_id(); });
    world.finish();
    CHECK(order == std::vector{1, 2});
    CHECK(first == other);
    CHECK(first != std::this_thread::get_id());
    CHECK_THROWS_AS(world.call([](Communicator&) { throw InputError("[test] no"); }), InputError);
    world.call([&](Communicator&) { order.push_back(3); });  // and the thread goes on
    CHECK(order.back() == 3);
    CHECK_THROWS_AS(World([]() -> std::shared_ptr<Communicator> { throw IoError("[test] no network"); }), IoError);
}

TEST_CASE("worlds of several ranks", "[world]") {
    std::atomic<int> wrong{0};
    run_worlds({.ranks = 3, .per_node = 3}, [&](World& world) {
        wrong += world.size() != 3;
        wrong += world.gather(world.rank()) != std::vector{0, 1, 2};
        wrong += world.broadcast(std::to_string(world.rank())) != "0";
        wrong += world.gather_texts(std::string(static_cast<std::size_t>(world.rank()), 'x'))[2] != "xx";
        world.barrier();
    });
    CHECK(wrong == 0);
}

TEST_CASE("a rank that fails ends the others, and its own exception comes out", "[world]") {
    for (const int per_node : {1, 3}) {
        CHECK_THROWS_WITH(run_worlds({.ranks = 3, .per_node = per_node},
                                     [](World& world) {
                                         if (world.rank() == 1) throw UsageError("rank 1 has had enough");
                                         world.barrier();
                                     }),
                          "rank 1 has had enough");
        // It leaves work behind that nobody else takes part in.
        CHECK_THROWS_WITH(run_worlds({.ranks = 3, .per_node = per_node},
                                     [](World& world) {
                                         if (world.rank() != 1) return;
                                         world.start([](Communicator& communicator) { barrier(communicator); });
                                         throw InputError("rank 1 goes");
                                     }),
                          "rank 1 goes");
    }
    CHECK_THROWS_AS(run_worlds({.ranks = 0}, [](World&) {}), UsageError);
    CHECK_THROWS_AS(run_worlds({.ranks = 1, .per_node = 0}, [](World&) {}), UsageError);
    int ranks = 0;
    run_worlds({}, [&](World& world) { ranks = world.size(); });
    CHECK(ranks == 1);
}

TEST_CASE("the self-test measures something, the same for all ranks", "[world]") {
    std::vector<CostModel> models(4);
    run_ranks({4, 2, {}}, [&](Communicator& communicator) {
        models[static_cast<std::size_t>(communicator.rank())] = measure_costs(communicator);
    });
    for (const CostModel& model : models) {
        CHECK(model.alpha == models[0].alpha);
        CHECK(model.node_gamma == models[0].node_gamma);
        for (const double value : {model.alpha, model.beta, model.gamma, model.node_alpha, model.node_gamma})
            CHECK(value > 0);
    }
    CHECK(cluster_of(Topology{{0, 0, 1, 1}}).nodes() == 2);
}

TEST_CASE("who started this process is read from the environment", "[world]") {
    using test::EnvironmentScope;
    const EnvironmentScope none1("OMPI_COMM_WORLD_SIZE", nullptr), none2("PMI_SIZE", nullptr),
        none3("PMIX_RANK", nullptr), none4("SLURM_STEP_NUM_TASKS", nullptr);
    CHECK(launched_ranks() == 1);
    for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"}) {
        const EnvironmentScope launcher(variable, "4");
        CHECK(launched_ranks() == 4);
    }
    // mpirun in a step of Slurm: four ranks whose daemons srun started, on two nodes.
    const EnvironmentScope slurm("SLURM_STEP_NUM_TASKS", "2");
    const EnvironmentScope open_mpi("OMPI_COMM_WORLD_SIZE", "4");
    CHECK(launched_ranks() == 4);
}

TEST_CASE("a world ends within a limit, or says that it does not", "[world]") {
    using namespace std::chrono_literals;
    std::atomic<bool> held = true, over = false;
    World world([&] {
        const std::shared_ptr<Communicator> self = self_communicator();
        return std::shared_ptr<Communicator>(self.get(), [&held, &over, self](Communicator*) {
            while (held) std::this_thread::sleep_for(1ms);
            over = true;
        });
    });
    world.barrier();
    CHECK_FALSE(world.end_within(20ms));
    CHECK_FALSE(over);
    held = false;
    CHECK(world.end_within(60s));
    CHECK(over);
}

TEST_CASE("ranks that a launcher started and that do not find each other are no runs of their own", "[world]") {
    using test::EnvironmentScope;
    const EnvironmentScope none1("OMPI_COMM_WORLD_SIZE", nullptr), none2("PMI_SIZE", nullptr),
        none3("PMIX_RANK", nullptr), slurm("SLURM_STEP_NUM_TASKS", "3");
    bool ran = false;
    const auto body = [&](World&) {
        ran = true;
        return 0;
    };
    CHECK_THROWS_WITH(with_launched_ranks(body),
                      test::contains("[ranks] srun (SLURM_STEP_NUM_TASKS) says 3 ranks, which cannot find each other: "
                                     "start them with srun --mpi=pmix"));
    CHECK_FALSE(ran);
    const EnvironmentScope alone("SLURM_STEP_NUM_TASKS", "1");
    CHECK(with_launched_ranks(body) == 0);
    CHECK(ran);
}

TEST_CASE("makes of MPI are told by what they say of themselves", "[world]") {
    CHECK(mpi_name("Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4, repo rev: v4.1.4, May 26, 2022") ==
          "Open MPI 4.1.4");
    CHECK(mpi_name("Open MPI v5.0.7, package: Debian OpenMPI") == "Open MPI 5.0.7");
    CHECK(mpi_name("MPICH Version:\t4.0.2\nMPICH Release date:\tThu Apr  7") == "MPICH 4.0.2");
    CHECK(mpi_name("Intel(R) MPI Library 2021.12 for Linux* OS\n") == "Intel(R) MPI Library 2021.12 for Linux* OS");
    CHECK(mpi_name("MPICH") == "MPICH");
    CHECK(mpi_name("") == "");
    CHECK(mpi_name(std::string(1000, 'x')).size() == 80);
}
