#include "distributed/planning/scale_model.h"

#include <cmath>

#include "kernels/error.h"
#include "tests/support/catch.h"

using namespace keel;

namespace {

/// Two buckets of 8 MB, full at 0.6 and 1.0 s of a step of 1 s.
StepProfile sample_step() {
    return {.compute = 1, .update = 0.1, .ready = {0.6, 1}, .bytes = {8 << 20, 8 << 20}, .factors = {}};
}

/// Costs by which a sum of 8 MB over 2 ranks takes about `seconds`.
ScaleOptions wire_of(double seconds) {
    ScaleOptions options;
    options.costs = {.alpha = 0, .beta = seconds / (8 << 20), .gamma = 0};
    return options;
}

}  // namespace

TEST_CASE("One rank alone loses nothing", "[scale]") {
    const ScalePoint point = simulate(sample_step(), wire_of(0.2), 1);
    CHECK(point.ranks == 1);
    CHECK(point.step == Approx(1.1));
    CHECK(point.efficiency == Approx(1));
    CHECK(point.wire == 0);
}

TEST_CASE("Sums hide behind backward, but for those of the last bucket", "[scale]") {
    // The first sum runs from 0.6 to 0.8, the second from 1.0 to 1.2.
    const ScalePoint point = simulate(sample_step(), wire_of(0.2), 2);
    CHECK(point.wire == Approx(0.4).epsilon(1e-3));
    CHECK(point.exposed == Approx(0.2).epsilon(1e-3));
    CHECK(point.step == Approx(1.3).epsilon(1e-3));
    CHECK(point.efficiency == Approx(1.1 / 1.3).epsilon(1e-3));
    // A wire that is too slow: the second waits for the first, 0.6 + 2 x 0.7.
    CHECK(simulate(sample_step(), wire_of(0.7), 2).step == Approx(2.1).epsilon(1e-3));
    ScaleOptions behind = wire_of(0.2);
    behind.overlap = false;
    CHECK(simulate(sample_step(), behind, 2).step == Approx(1.5).epsilon(1e-3));
}

TEST_CASE("A communication thread on the team's cores slows the team while it works", "[scale]") {
    ScaleOptions options = wire_of(0.2);
    options.stolen = 0.5;
    // From 0.6 to 0.8 half speed: the second bucket is full at 1.1, and summed at 1.3.
    CHECK(simulate(sample_step(), options, 2).step == Approx(1.4).epsilon(1e-3));
}

TEST_CASE("All wait for the slowest rank, more so with more ranks", "[scale]") {
    StepProfile uneven = sample_step();
    uneven.factors = {0.9, 1.0, 1.0, 1.1};
    ScaleOptions options = wire_of(0);
    options.steps = 4000;
    const ScalePoint alone = simulate(uneven, options, 1), two = simulate(uneven, options, 2),
                     many = simulate(uneven, options, 64);
    CHECK(alone.efficiency == Approx(1));
    // The larger of two draws: 1.1 in 7 of 16 cases, 0.9 in 1 of 16. Its mean's deviation over 4000 steps is about
    // 0.001.
    const double larger = 1.1 * 7 / 16 + 0.9 / 16 + 1.0 * 8 / 16;
    CHECK(two.step == Approx(larger + 0.1).margin(0.005));
    CHECK(two.skew == Approx(larger - 1).margin(0.005));
    CHECK(many.step == Approx(1.2).margin(0.001));
    CHECK(two.compute + two.skew + two.exposed + two.update == Approx(two.step));
    CHECK(simulate(uneven, options, 2).step == two.step);  // the seed's
}

TEST_CASE("Efficiency falls with nodes and rises with the wire", "[scale]") {
    StepProfile step = sample_step();
    step.factors = {0.98, 0.99, 1.0, 1.01, 1.02};
    double before = 2;
    for (const int nodes : {1, 2, 4, 8, 16, 32, 64, 128, 256}) {
        ScaleOptions options;
        options.ranks_per_node = 2;
        options.costs.beta = 8 / 100e9;
        options.costs.alpha = 2e-6;
        const double fast = simulate(step, options, nodes).efficiency;
        options.costs.beta *= 100;
        const double slow = simulate(step, options, nodes).efficiency;
        CHECK(fast <= before + 0.005);
        CHECK(slow <= fast + 1e-9);
        CHECK(fast > 0.9);
        before = fast;
    }
}

TEST_CASE("A rank that is slower for good holds up all, and steps that are slow for all do so once", "[scale]") {
    StepProfile step = sample_step();
    ScaleOptions options = wire_of(0);
    options.steps = 2000;
    // Two ranks measured together: the second always takes a tenth longer.
    step.groups = {{{{1}, {1}}, {{1.1}, {1.1}}}};
    const ScalePoint two = simulate(step, options, 2);
    CHECK(two.step == Approx(1.2));
    CHECK(two.skew == Approx(0.05));
    CHECK(simulate(step, options, 1).step == Approx(1.1));
    // Every second step is slow, for both at once: nobody waits for the other.
    step.groups = {{{{1}, {1.2}}, {{1}, {1.2}}}};
    CHECK(simulate(step, options, 2).skew == Approx(0).margin(1e-12));
    // The mean of 2000 draws of 1 and 1.2 deviates by 0.1 / sqrt(2000) = 0.0022.
    CHECK(simulate(step, options, 2).step == Approx(1.2).margin(0.01));
    // Groups that do so each at its own times: one of 64 is slow in nearly every step.
    CHECK(simulate(step, options, 128).step == Approx(1.3).margin(0.001));
}

TEST_CASE("Ranks that wait for images hold up the others, and slow loaders all", "[scale]") {
    StepProfile step = sample_step();
    step.groups = {{{{1, 0}}, {{1, 0.3}}}};
    const ScalePoint point = simulate(step, wire_of(0), 2);
    CHECK(point.step == Approx(1.4));
    CHECK(point.input == Approx(0.15));
    CHECK(point.skew == Approx(0.15));
    step.groups = {};
    ScaleOptions slow = wire_of(0);
    slow.input = 2;  // seconds for the images of a step of 1.1
    CHECK(simulate(step, slow, 4).step == Approx(2));
    CHECK(simulate(step, slow, 4).input == Approx(0.9));
    slow.input = 1;
    CHECK(simulate(step, slow, 4).step == Approx(1.1));
}

TEST_CASE("bfloat16 on the wire halves what a wire takes", "[scale]") {
    ScaleOptions half = wire_of(0.2);
    half.wire_bytes = 2;
    CHECK(simulate(sample_step(), half, 2).wire == Approx(0.5 * simulate(sample_step(), wire_of(0.2), 2).wire));
}

TEST_CASE("Profiles and options that make no sense are refused", "[scale]") {
    const auto with = [](auto change) {
        StepProfile step = sample_step();
        change(step);
        return step;
    };
    CHECK_THROWS_AS(simulate(with([](StepProfile& s) { s.ready = {1, 0.6}; }), {}, 2), UsageError);
    CHECK_THROWS_AS(simulate(with([](StepProfile& s) { s.ready = {0.6, 1.1}; }), {}, 2), UsageError);
    CHECK_THROWS_AS(simulate(with([](StepProfile& s) { s.bytes = {1}; }), {}, 2), UsageError);
    CHECK_THROWS_AS(simulate(with([](StepProfile& s) { s.compute = 0; }), {}, 2), UsageError);
    CHECK_THROWS_AS(simulate(with([](StepProfile& s) { s.factors = {0}; }), {}, 2), UsageError);
    CHECK_THROWS_AS(simulate(sample_step(), {}, 0), UsageError);
    CHECK_THROWS_AS(simulate(with([](StepProfile& s) { s.groups = {{}}; }), {}, 2), UsageError);
    CHECK_THROWS_AS(simulate(with([](StepProfile& s) { s.groups = {{{{1}, {1}}, {{1}}}}; }), {}, 2), UsageError);
    CHECK_THROWS_AS(simulate(with([](StepProfile& s) { s.groups = {{{{0}}}}; }), {}, 2), UsageError);
    ScaleOptions all;
    all.stolen = 1;
    CHECK_THROWS_AS(simulate(sample_step(), all, 2), UsageError);
}
