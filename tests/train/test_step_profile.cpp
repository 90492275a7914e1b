#include "train/step_profile.h"

#include <algorithm>

#include "tests/support/catch.h"

using namespace keel;

TEST_CASE("A stretched step takes longer in all its parts, and moves as many bytes", "[scale]") {
    const StepProfile once{.compute = 2, .update = 0.5, .ready = {1, 2}, .bytes = {100, 50}, .factors = {1, 1.25}};
    const StepProfile twice = stretched(once, 2);
    CHECK(twice.compute == 4);
    CHECK(twice.update == 1);
    CHECK(twice.ready == std::vector<double>{2, 4});
    CHECK(twice.bytes == once.bytes);
    CHECK(twice.factors == once.factors);
}

TEST_CASE("A measured step has its buckets in time", "[scale]") {
    StepMeasurement what;
    what.model = "resnet18";
    what.options = {.classes = 2, .channels = 1, .small_stem = true};
    what.batch = 1;
    what.image_size = 32;
    what.steps = 2;
    what.warmup = 1;
    what.bucket_mb = 16;
    std::vector<int> done;
    const StepProfile profile = measure_step(what, [&](int steps, double rate) {
        done.push_back(steps);
        CHECK(rate > 0);
    });
    CHECK(done == std::vector<int>{1, 2, 3});
    CHECK(profile.compute > 0);
    CHECK(profile.update > 0);
    REQUIRE(profile.ready.size() == profile.bytes.size());
    REQUIRE(profile.bytes.size() > 1);  // 45 MB of gradients
    std::int64_t bytes = 0;
    for (std::size_t b = 0; b < profile.bytes.size(); ++b) {
        bytes += profile.bytes[b];
        CHECK(profile.ready[b] <= profile.compute);
        if (b > 0) CHECK(profile.ready[b] >= profile.ready[b - 1]);
    }
    CHECK(bytes > 44'000'000);
    CHECK(profile.factors.size() == 2);
}

TEST_CASE("Drawn factors spread as asked, the same for a seed, none below half", "[scale]") {
    const std::vector<double> factors = drawn_factors(5, 1);
    CHECK(factors.size() == 1000);
    CHECK(factors == drawn_factors(5, 1));
    CHECK(factors != drawn_factors(5, 2));
    CHECK(spread_of(factors) == Approx(5).epsilon(0.1));  // of 1000 draws: 2 % is its deviation
    CHECK(std::ranges::min(drawn_factors(100, 1)) == 0.5);
    CHECK(spread_of({1, 1, 1}) == 0);
    CHECK(spread_of({1, 3}) == 50);
}
