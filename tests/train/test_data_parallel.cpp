// What ranks make of each other's steps. Ranks are threads here.
#include "train/data_parallel.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "distributed/thread_communicator.h"
#include "engine/arena.h"
#include "engine/ops.h"
#include "kernels/error.h"
#include "kernels/parallel.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/train/small_training.h"
#include "train/train_step.h"

using namespace keel;

namespace {

/// What three ranks agree on if each says own(rank); all must hear the same.
template <class Own>
StepStatus agreed(Own own) {
    const ThreadScope one(1);
    StepStatus all[3];
    run_worlds({3, 3, {}}, [&](World& world) {
        const DataParallel parallel(world, {}, {}, {});
        all[world.rank()] = parallel.reduce_status(own(world.rank()));
    });
    for (const StepStatus& rank : all) {
        CHECK(rank.loss_sum == all[0].loss_sum);
        CHECK(rank.samples == all[0].samples);
        CHECK(rank.finite == all[0].finite);
        CHECK(rank.stop == all[0].stop);
        CHECK(rank.stop_code == all[0].stop_code);
        CHECK(rank.stop_reason == all[0].stop_reason);
        CHECK(rank.save == all[0].save);
        CHECK(rank.failed == all[0].failed);
    }
    return all[0];
}

}  // namespace

TEST_CASE("what one rank cannot do, none does: a loss that is no number, a signal, the end of its time or of its data",
          "[ranks]") {
    const StepStatus fine = agreed([](int rank) { return StepStatus{.loss_sum = rank + 0.5, .samples = 2 + rank}; });
    CHECK(fine.loss_sum == 4.5);
    CHECK(fine.samples == 9);
    CHECK((fine.finite && !fine.stop_request() && !fine.save && !fine.failed));

    CHECK_FALSE(agreed([](int rank) { return StepStatus{.finite = rank != 1}; }).finite);
    const auto asking = [](int rank, StopRequest request) {
        StepStatus status;
        if (rank != 0) status.request_stop(request);
        return status;
    };
    const auto stop = agreed([&](int rank) {
        return asking(rank, {rank, std::string(60, 'a' + static_cast<char>(rank))});
    });
    REQUIRE(stop.stop_request());
    CHECK(stop.stop_request()->code == 2);  // the highest
    CHECK(stop.stop_request()->reason == std::string(47, 'c'));
    CHECK(agreed([&](int rank) {
              return asking(rank, {0, "its time limit"});
          })
              .stop_request()
              ->reason == "its time limit");
    CHECK(agreed([](int rank) { return StepStatus{.save = rank == 0}; }).save);
    CHECK(agreed([](int rank) { return StepStatus{.failed = rank == 2}; }).failed);
}

TEST_CASE("texts that differ name the rank and the line", "[ranks]") {
    const ThreadScope one(1);
    std::atomic<int> refused{0};
    run_worlds({3, 3, {}}, [&](World& world) {
        try {
            require_equal(world, "configuration", world.rank() == 2 ? "lr = 1\nseed = 2\n" : "lr = 1\nseed = 0\n");
        } catch (const UsageError& error) {
            refused +=
                error.what() == std::string(
                                    "[ranks] configuration: rank 2 has 'seed = 2', rank 0 has 'seed = 0'; start all "
                                    "ranks with the same command");
        }
    });
    CHECK(refused == 3);
}

namespace {

/// Passes its map on; while armed, its backward pass throws.
class Trap final : public nn::Module {
public:
    std::string describe() const override { return "Trap"; }
    bool armed = false;

protected:
    Tensor forward(const Tensor& src) override {
        return record(src.detach().clone(), {src}, [this](const Tensor& diff_dst) {
            if (armed) throw InputError("[trap] sprung");
            return Gradients{diff_dst};
        });
    }
};

/// What backward completes before the trap is on its way to other ranks when it springs.
class Trapped final : public nn::Module {
public:
    Trapped()
        : first_(add<nn::Linear>("first", 36, 8)), trap_(add<Trap>("trap")), last_(add<nn::Linear>("last", 8, 3)) {
        nn::initialize(*this, {.linear_bias = true}, 1);
    }
    std::string describe() const override { return "Trapped"; }
    void arm() { trap_.armed = true; }

protected:
    Tensor forward(const Tensor& src) override { return last_(trap_(first_(flatten(src)))); }

private:
    nn::Linear& first_;
    Trap& trap_;
    nn::Linear& last_;
};

}  // namespace

TEST_CASE("A step that an exception ends while sums are under way hangs no rank and frees what it had", "[ranks]") {
    const ThreadScope one(1);
    const auto in_use = [] { return Arena::global().statistics().in_use; };
    const auto before = in_use();
    std::atomic<int> applied{0}, sprung{0}, let_down{0};
    std::atomic<bool> is_slow{false};  // sums are still under way when the trap springs
    const ThreadWorld slow{2, 2, [&](int) {
                               if (is_slow) std::this_thread::sleep_for(std::chrono::milliseconds(2));
                           }};
    const auto run = [&] {
        run_worlds(slow, [&](World& world) {
            TrainConfig config;
            config.allreduce = "ring";
            config.overlap = "on";
            config.bucket_mb = 1e-5;  // a bucket for each gradient
            TrainState state = test::tiny_state();
            auto module = std::make_unique<Trapped>();
            Trapped& trapped = *module;
            state.module = std::move(module);
            state.optimizer.emplace(Optimizer({{"all", state.module->parameters()}}, {}));
            state.ema.reset();
            DataParallel parallel(world, config, state.module->parameters(), state.module->buffers());
            TrainStep step(config, state, parallel);
            Batch batch = test::tiny_batch(2, 1);
            batch.planned = 4;
            const auto fine = [] { return StepStatus{}; };
            try {
                for (std::int64_t i = 0; i < 2; ++i) applied += step.run(batch, {0, i}, 0.1, fine).applied;
                world.barrier();  // both have counted: what comes now may end a rank wherever it is
                is_slow = true;
                if (world.rank() == 0) trapped.arm();
                step.run(batch, {0, 2}, 0.1, fine);
            } catch (const InputError&) {
                ++sprung;
                throw;
            } catch (const IoError&) {  // the rank that it waits for is gone
                ++let_down;
                throw;
            }
        });
    };
    CHECK_THROWS_AS(run(), InputError);
    CHECK(applied == 4);
    CHECK(sprung == 1);
    CHECK(let_down == 1);
    CHECK(in_use() == before);
}
