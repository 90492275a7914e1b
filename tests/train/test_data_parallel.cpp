// What ranks make of each other's steps. Ranks are threads here.
#include "train/data_parallel.h"

#include <atomic>
#include <csignal>

#include "distributed/thread_communicator.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/isa.h"
#include "tests/support/ranks.h"

using namespace keel;
using cli::DataParallel;
using cli::StepStatus;
using test::borrowed;

namespace {

/// What three ranks agree on if each says own(rank); all must hear the same.
template <class Own>
StepStatus agreed(Own own) {
    const test::ThreadScope one(1);
    StepStatus all[3];
    run_ranks({3, 3, {}}, [&](Communicator& communicator) {
        World world([&] { return borrowed(communicator); });
        const DataParallel parallel(world, {}, {}, {});
        all[world.rank()] = parallel.agree(own(world.rank()));
    });
    for (const StepStatus& rank : all) {
        CHECK(rank.loss_sum == all[0].loss_sum);
        CHECK(rank.samples == all[0].samples);
        CHECK(rank.finite == all[0].finite);
        CHECK(rank.stop_signal == all[0].stop_signal);
        CHECK(rank.out_of_time == all[0].out_of_time);
        CHECK(rank.save == all[0].save);
        CHECK(rank.failed == all[0].failed);
    }
    return all[0];
}

}  // namespace

TEST_CASE("what one rank cannot do, none does: a loss that is no number, a signal, the end of its time or of its data", "[ranks]") {
    const StepStatus fine = agreed([](int rank) { return StepStatus{.loss_sum = rank + 0.5, .samples = 2 + rank}; });
    CHECK(fine.loss_sum == 4.5);
    CHECK(fine.samples == 9);
    CHECK((fine.finite && fine.stop_signal == 0 && !fine.out_of_time && !fine.save && !fine.failed));

    CHECK_FALSE(agreed([](int rank) { return StepStatus{.finite = rank != 1}; }).finite);
    CHECK(agreed([](int rank) { return StepStatus{.stop_signal = rank == 2 ? SIGUSR1 : 0}; }).stop_signal == SIGUSR1);
    CHECK(agreed([](int rank) { return StepStatus{.out_of_time = rank == 1}; }).out_of_time);
    CHECK(agreed([](int rank) { return StepStatus{.save = rank == 0}; }).save);
    CHECK(agreed([](int rank) { return StepStatus{.failed = rank == 2}; }).failed);
}

TEST_CASE("texts that differ name the rank and the line", "[ranks]") {
    const test::ThreadScope one(1);
    std::atomic<int> refused{0};
    run_ranks({3, 3, {}}, [&](Communicator& communicator) {
        World world([&] { return borrowed(communicator); });
        try {
            cli::require_equal(world, "configuration", world.rank() == 2 ? "lr = 1\nseed = 2\n" : "lr = 1\nseed = 0\n");
        } catch (const UsageError& error) {
            refused += error.what() == std::string(
                                           "[ranks] configuration: rank 2 has 'seed = 2', rank 0 has 'seed = 0'; start all "
                                           "ranks with the same command");
        }
    });
    CHECK(refused == 3);
}
