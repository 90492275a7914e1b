#include "distributed/planning/failure_model.h"

#include <cmath>
#include <random>

#include "kernels/error.h"
#include "tests/support/catch.h"

using namespace keel;

namespace {

constexpr double kHour = 3600;

/// Seconds of a second that are work, in a long run whose failures are drawn: what the formula is to say.
double drawn_share(const FailureModel& model, int nodes) {
    std::mt19937_64 random(7);
    std::exponential_distribution<double> next(nodes / (model.node_mtbf_hours * kHour));
    double now = 0, work = 0, failure = next(random);
    for (int segment = 0; segment < 100'000; ++segment) {
        // Tried until it and its checkpoint are through; a restart can fail as well.
        for (double need = model.checkpoint_every + model.checkpoint;;) {
            if (now + need <= failure) {
                now += need;
                break;
            }
            now = failure;
            failure = now + next(random);
            while (now + model.restart > failure) {
                now = failure;
                failure = now + next(random);
            }
            now += model.restart;
        }
        work += model.checkpoint_every;
    }
    return work / now;
}

}  // namespace

TEST_CASE("Without failures the checkpoints and the start alone cost time", "[failures]") {
    CHECK(useful_share({}, 256).share == 1);
    CHECK(useful_share({}, 256).failures == 0);
    const FailureModel saves{.checkpoint = 30, .checkpoint_every = 570};
    CHECK(useful_share(saves, 256).share == Approx(0.95));
    const FailureModel starts{.checkpoint = 30, .checkpoint_every = 570, .restart = 432, .hours = 12};
    CHECK(useful_share(starts, 1).share == Approx(0.95 * 0.99));
}

TEST_CASE("The useful share is that of failures that are drawn", "[failures]") {
    for (const double mtbf : {500.0, 5000.0, 50'000.0}) {
        FailureModel model{
            .node_mtbf_hours = mtbf, .checkpoint = 20, .checkpoint_every = 900, .restart = 120, .hours = 1e9};
        CAPTURE(mtbf);
        // 10^5 segments: the mean's deviation is below 0.3 % even where each second one fails.
        CHECK(useful_share(model, 256).share == Approx(drawn_share(model, 256)).epsilon(0.01));
        CHECK(useful_share(model, 256).failures == Approx(256 * 1e9 / mtbf));
    }
}

TEST_CASE("The interval that is chosen is the best, near that of Young where failures are rare", "[failures]") {
    FailureModel model{.node_mtbf_hours = 20'000, .checkpoint = 10, .restart = 60};
    const UsefulShare best = useful_share(model, 256);
    const double mean_time = 20'000 * kHour / 256;
    CHECK(best.checkpoint_every == Approx(std::sqrt(2 * 10 * mean_time)).epsilon(0.02));
    for (const double factor : {0.5, 0.9, 1.1, 2.0}) {
        model.checkpoint_every = factor * best.checkpoint_every;
        CHECK(useful_share(model, 256).share <= best.share + 1e-9);
    }
}

TEST_CASE("More nodes and rarer checkpoints lose more; nothing useful is left where nothing gets through",
          "[failures]") {
    const FailureModel model{.node_mtbf_hours = 1000, .checkpoint = 10, .checkpoint_every = 1800, .restart = 120};
    double before = 1;
    for (const int nodes : {1, 8, 64, 256, 4096}) {
        const double share = useful_share(model, nodes).share;
        CHECK(share < before);
        before = share;
    }
    FailureModel hopeless = model;
    hopeless.node_mtbf_hours = 1e-3;
    CHECK(useful_share(hopeless, 100'000).share == 0);
    CHECK_THROWS_AS(useful_share(model, 0), UsageError);
    CHECK_THROWS_AS(useful_share({.node_mtbf_hours = -1}, 1), UsageError);
    CHECK_THROWS_AS(useful_share({.hours = 0}, 1), UsageError);
}
