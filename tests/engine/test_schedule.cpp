#include "engine/schedule.h"

#include <cmath>
#include <limits>

#include "kernels/error.h"
#include "tests/support/catch.h"

using namespace keel;

namespace {

ScheduleOptions options_of(ScheduleKind kind) {
    ScheduleOptions options;
    options.kind = kind;
    options.lr = 0.5;
    return options;
}

}  // namespace

TEST_CASE("schedule: constant with linear warm-up") {
    auto options = options_of(ScheduleKind::constant);
    options.warmup_steps = 4;
    const std::vector<double> wanted{0.125, 0.25, 0.375, 0.5, 0.5, 0.5};
    for (std::int64_t step = 0; step < 6; ++step)
        CHECK(learning_rate(options, {step, 100, 10}) == wanted[static_cast<std::size_t>(step)]);
}

TEST_CASE("schedule: a warm-up in samples is the one in steps, and between steps no more than its rate") {
    auto in_steps = options_of(ScheduleKind::constant), in_samples = in_steps;
    in_steps.warmup_steps = 5;
    in_samples.warmup_steps = 5 * 16;
    in_samples.warmup_begin = 16;
    for (std::int64_t step = 0; step < 8; ++step)
        CHECK(learning_rate(in_samples, {step * 16, 160, 80}) == learning_rate(in_steps, {step, 10, 5}));
    CHECK(learning_rate(in_samples, {70, 160, 80}) == 0.5);
    in_samples.warmup_begin = 0;
    CHECK_THROWS_AS(check(in_samples), UsageError);
}

TEST_CASE("schedule: a plateau counts the epochs that a metric speaks for") {
    auto options = options_of(ScheduleKind::plateau);
    options.patience = 3;
    PlateauState state = observe(options, {}, 1.0, 5);
    CHECK(state.bad_epochs == 0);
    state = observe(options, state, 1.0, 3);
    CHECK((state.bad_epochs == 3 && state.scale == 1));
    state = observe(options, state, 1.0, 3);
    CHECK((state.bad_epochs == 0 && state.scale == options.gamma));
}

TEST_CASE("schedule: steps at milestones and every few epochs") {
    auto options = options_of(ScheduleKind::step);
    options.gamma = 0.5;  // powers of two: exact
    options.milestones = {2, 3};
    options.floor = 0.1;
    const auto at_epoch = [&](std::int64_t epoch) { return learning_rate(options, {epoch * 10, 100, 10}); };
    CHECK(at_epoch(0) == 0.5);
    CHECK(learning_rate(options, {19, 100, 10}) == 0.5);
    CHECK(at_epoch(2) == 0.25);
    CHECK(at_epoch(3) == 0.125);
    options.milestones = {};
    options.every = 2;
    CHECK(at_epoch(1) == 0.5);
    CHECK(at_epoch(2) == 0.25);
    CHECK(at_epoch(5) == 0.125);
    CHECK(at_epoch(9) == 0.1);
}

TEST_CASE("schedule: cosine from lr to the floor") {
    auto options = options_of(ScheduleKind::cosine);
    options.floor = 0.1;
    options.warmup_steps = 20;
    const auto at = [&](std::int64_t step) { return learning_rate(options, {step, 120, 10}); };
    // cos of a double is right to an ulp; the values are below 1.
    CHECK(at(19) == Approx(0.5).epsilon(1e-15));
    CHECK(at(20) == Approx(0.5).epsilon(1e-15));
    CHECK(at(70) == Approx(0.3).epsilon(1e-15));
    CHECK(at(45) == Approx(0.1 + 0.4 * 0.5 * (1 + std::sqrt(0.5))).epsilon(1e-15));
    CHECK(at(120) == Approx(0.1).epsilon(1e-15));
    CHECK(at(500) == Approx(0.1).epsilon(1e-15));
    for (std::int64_t step = 20; step < 119; ++step) CHECK(at(step + 1) < at(step));
    options.warmup_steps = 0;
    CHECK(learning_rate(options, {0, 0, 0}) == 0.5);
}

TEST_CASE("schedule: plateau waits, decays, starts again") {
    auto options = options_of(ScheduleKind::plateau);
    options.gamma = 0.5;
    options.patience = 1;
    options.threshold = 0.1;
    PlateauState state;
    const auto rate = [&](double metric) {
        state = observe(options, state, metric);
        return learning_rate(options, {0, 100, 10}, state);
    };
    CHECK(rate(1.0) == 0.5);
    CHECK(rate(1.05) == 0.5);  // within the threshold: first bad epoch
    CHECK(rate(1.2) == 0.5);   // better: patience begins anew
    CHECK(rate(1.2) == 0.5);
    CHECK(rate(std::nan("")) == 0.25);
    CHECK(rate(std::numeric_limits<double>::infinity()) == 0.25);
    CHECK(rate(1.0) == 0.125);
    CHECK(state.best == 1.2);
    options.higher_is_better = false;
    state = {};
    CHECK(rate(-1.0) == 0.5);
    CHECK(rate(-1.2) == 0.5);
    CHECK(state.best == -1.2);
}

TEST_CASE("schedule: a plateau's state survives JSON to the bit") {
    const PlateauState state{0.1 * 0.1, true, -1.0 / 3, 5};
    CHECK(plateau_from_json(to_json(state)) == state);
    CHECK(plateau_from_json(to_json({})) == PlateauState{});
    for (const char* text :
         {"", "{}", "[]", "null", R"({"scale":1,"seen":true,"best":0})",
          R"({"scale":2,"seen":true,"best":0,"bad_epochs":0})", R"({"scale":1,"seen":1,"best":0,"bad_epochs":0})",
          R"({"scale":1,"seen":true,"best":"0","bad_epochs":0})", R"({"scale":1,"seen":true,"best":0,"bad_epochs":-1})",
          R"({"scale":1,"seen":true,"best":0,"bad_epochs":0.5})",
          R"({"scale":1,"seen":true,"best":0,"bad_epochs":18446744073709551615})",
          R"({"scale":1,"seen":true,"best":0,"bad_epochs":0,"more":0})"}) {
        INFO(text);
        CHECK_THROWS_AS(plateau_from_json(text), InputError);
    }
}

TEST_CASE("schedule: options that make no sense") {
    CHECK_NOTHROW(check(ScheduleOptions{}));
    const auto refused = [](auto change) {
        ScheduleOptions options;
        change(options);
        CHECK_THROWS_AS(check(options), UsageError);
    };
    refused([](auto& o) { o.lr = -1; });
    refused([](auto& o) { o.lr = std::nan(""); });
    refused([](auto& o) { o.floor = 1; });
    refused([](auto& o) { o.warmup_steps = -1; });
    refused([](auto& o) { o.gamma = 0; });
    refused([](auto& o) { o.every = -1; });
    refused([](auto& o) { o.patience = -1; });
    refused([](auto& o) { o.threshold = -1; });
    refused([](auto& o) { o.milestones = {3, 2}; });
    CHECK_THROWS_AS(schedule_kind("linear"), UsageError);
    CHECK(schedule_kind("cosine") == ScheduleKind::cosine);
}
