#include "train/step_timing.h"

#include <mutex>

#include "distributed/thread_communicator.h"
#include "kernels/error.h"
#include "tests/support/catch.h"

using namespace keel;

namespace {

StepTimingOptions small(const std::string& mode) {
    return {.model = "resnet20",
            .mode = mode,
            .options = {.classes = 2, .channels = 1},
            .batch = 2,
            .image_size = 32,
            .steps = 3,
            .warmup = 1};
}

}  // namespace

TEST_CASE("Steps of every mode are timed after those before them", "[step_timing]") {
    for (const char* mode : {"train", "infer", "int8"}) {
        CAPTURE(mode);
        run_worlds({.ranks = 1}, [&](World& world) {
            StepTimingOptions options = small(mode);
            std::vector<int> heard;
            options.on_step = [&](int done, double) { heard.push_back(done); };
            const StepTiming timing = time_steps(options, world);
            CHECK((timing.seconds.size() == 3 && timing.exposed.empty()));
            CHECK((heard == std::vector{1, 2, 3, 4}));
            const StepSpeed speed = speed_of(timing, 2, world);
            CHECK((speed.median >= speed.least && speed.least > 0));
            CHECK((speed.images_per_second == 2 / speed.median && speed.sums == 0));
        });
    }
    run_worlds({.ranks = 1}, [](World& world) { CHECK_THROWS_AS(time_steps(small("both"), world), UsageError); });
}

TEST_CASE("Ranks that train together say how long sums took, and are as fast as all of them", "[step_timing]") {
    std::mutex checks;  // Catch2 hears of one thread at a time
    run_worlds({.ranks = 2, .per_node = 2}, [&](World& world) {
        const StepTiming timing = time_steps(small("train"), world);
        const StepSpeed speed = speed_of(timing, 2, world);
        const std::lock_guard lock(checks);
        CHECK((timing.seconds.size() == 3 && timing.exposed.size() == 3 && timing.processor.size() == 3));
        CHECK(speed.sums > 0);
        CHECK(speed.images_per_second >= 2 * 2 / speed.median);
    });
}
