// Mixup and cutmix: the plan of a batch, and what becomes of images and targets.
#include "data/pipeline/mix.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "data/dataset.h"
#include "kernels/error.h"
#include "tests/support/catch.h"

using namespace keel;

namespace {

std::vector<std::int64_t> first(std::int64_t n, std::int64_t from = 0) {
    std::vector<std::int64_t> draws(static_cast<std::size_t>(n));
    std::iota(draws.begin(), draws.end(), from);
    return draws;
}

/// Images of 4 x 4 in one channel, each of one value: 0, 1, 2, ...
Batch shades(std::int64_t n) {
    Batch batch;
    batch.n = n;
    batch.image_size = 4;
    batch.channels = 1;
    for (std::int64_t i = 0; i < n; ++i) {
        batch.images.insert(batch.images.end(), 16, static_cast<float>(i));
        batch.indices.push_back(10 + i);
    }
    return batch;
}

}  // namespace

TEST_CASE("Partners are one ring, and a plan depends on seed, epoch and draws alone", "[mix]") {
    const MixOptions mixup{.mixup = 0.4};
    for (const std::int64_t n : {2, 3, 16}) {
        const std::vector<Mix> plan = plan_mix(mixup, first(n), {}, 8, 1, 2);
        std::set<std::int64_t> seen;
        for (std::int64_t at = 0, steps = 0; steps < n; ++steps) {
            CHECK(plan[static_cast<std::size_t>(at)].partner != at);
            seen.insert(at = plan[static_cast<std::size_t>(at)].partner);
        }
        CHECK(std::ssize(seen) == n);
        CHECK(plan == plan_mix(mixup, first(n), {}, 8, 1, 2));
        CHECK(plan != plan_mix(mixup, first(n), {}, 8, 1, 3));
        CHECK(plan != plan_mix(mixup, first(n), {}, 8, 2, 2));
        CHECK(plan != plan_mix(mixup, first(n, 5), {}, 8, 1, 2));
    }
    CHECK(plan_mix(mixup, first(1), {}, 8, 1, 2)[0].partner == 0);
    CHECK(plan_mix(mixup, {}, {}, 8, 1, 2).empty());
}

TEST_CASE("Parts of a batch are mixed as each would be alone", "[mix]") {
    const MixOptions both{.mixup = 1, .cutmix = 1};
    const std::vector<Mix> whole = plan_mix(both, first(6), {0, 0, 0, 2, 2, 2}, 8, 1, 2),
                           low = plan_mix(both, first(3), {0, 0, 0}, 8, 1, 2);
    std::vector<Mix> high = plan_mix(both, first(3, 3), {2, 2, 2}, 8, 1, 2);
    for (Mix& mix : high) mix.partner += 3;
    CHECK(std::equal(low.begin(), low.end(), whole.begin()));
    CHECK(std::equal(high.begin(), high.end(), whole.begin() + 3));
}

TEST_CASE("Shares have the mean and the variance of their Beta distribution", "[mix]") {
    for (const double shape : {0.2, 1.0, 3.0}) {
        const int n = 20000;
        double sum = 0, squares = 0;
        for (const Mix& mix : plan_mix({.mixup = shape}, first(n), {}, 8, 7, 0)) {
            CHECK((mix.own >= 0 && mix.own <= 1));
            sum += mix.own;
            squares += (mix.own - 0.5) * (mix.own - 0.5);
        }
        // Var Beta(a, a) = 1 / (4 (2a + 1)), at most 1/4; five deviations of a mean of n draws from [0, 1].
        const double variance = 1 / (4 * (2 * shape + 1));
        CHECK(std::abs(sum / n - 0.5) < 5 * std::sqrt(variance / n));
        CHECK(std::abs(squares / n - variance) < 5 * 0.125 / std::sqrt(n));
    }
    CHECK(plan_mix({.mixup = 1e-6}, first(4), {}, 8, 1, 1)[0].own >= 0);  // draws below what a double holds
}

TEST_CASE("A patch lies inside the image, and what is left over is its image's own share", "[mix]") {
    int cut = 0;
    for (const Mix& mix : plan_mix({.cutmix = 1}, first(2000), {}, 16, 3, 0)) {
        REQUIRE(mix.patch);
        CHECK((mix.x >= 0 && mix.y >= 0 && mix.w >= 0 && mix.h >= 0 && mix.x + mix.w <= 16 && mix.y + mix.h <= 16));
        CHECK(mix.own == 1 - mix.w * mix.h / 256.0);
        cut += mix.w > 0 && mix.w < 16;
    }
    CHECK(cut > 1000);
}

TEST_CASE("As many images are mixed as asked, and with both kinds as many by the one as by the other", "[mix]") {
    const std::vector<Mix> plan = plan_mix({.mixup = 1, .cutmix = 1, .probability = 0.5}, first(4000), {}, 16, 3, 0);
    const auto mixed = std::ranges::count_if(plan, [](const Mix& mix) { return mix.own < 1; });
    const auto patched = std::ranges::count_if(plan, [](const Mix& mix) { return mix.patch; });
    CHECK(std::abs(static_cast<double>(mixed) - 2000) < 5 * std::sqrt(1000.0) + 20);  // a patch may be empty
    CHECK(std::abs(static_cast<double>(patched) - 1000) < 5 * std::sqrt(750.0));
}

TEST_CASE("Images and classes are mixed by the plan's shares; a class that is not known stays so", "[mix]") {
    Batch batch = shades(4);
    batch.labels = {0, 2, kUnknownClass, 1};
    const MixOptions options{.mixup = 1};
    const std::vector<Mix> plan = plan_mix(options, batch.indices, {}, 4, 5, 6);
    mix_batch(batch, options, 3, 5, 6);
    REQUIRE(batch.soft_targets.size() == 12);
    int mixed = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        const auto partner = static_cast<std::size_t>(plan[i].partner);
        const bool known = batch.labels[i] >= 0 && batch.labels[partner] >= 0;
        const float own = known ? static_cast<float>(plan[i].own) : 1.0F;
        mixed += own < 1;
        const float want =
            own == 1 ? static_cast<float>(i) : own * static_cast<float>(i) + (1 - own) * static_cast<float>(partner);
        for (std::size_t p = 0; p < 16; ++p) CHECK(batch.images[16 * i + p] == want);
        for (std::int32_t k = 0; k < 3; ++k) {
            const float target = batch.soft_targets[3 * i + static_cast<std::size_t>(k)];
            if (batch.labels[i] < 0)
                CHECK(target == kUnknownTarget);
            else
                CHECK(target ==
                      (batch.labels[i] == k ? own : 0.0F) + (own < 1 && batch.labels[partner] == k ? 1 - own : 0.0F));
        }
    }
    CHECK(mixed == 2);  // the unknown one and the one whose partner it is are left as they are
}

TEST_CASE("A label that is not known of one of two images is not known of their mixture", "[mix]") {
    Batch batch = shades(2);
    batch.targets = {1, 0, kUnknownTarget, 1, kUnknownTarget, 0};
    const MixOptions options{.cutmix = 1};
    const std::vector<Mix> plan = plan_mix(options, batch.indices, {}, 4, 5, 6);
    mix_batch(batch, options, 3, 5, 6);
    REQUIRE((plan[0].own < 1 && plan[1].own < 1));
    const auto own = static_cast<float>(plan[0].own);
    CHECK(batch.soft_targets[0] == 1.0F);
    CHECK(batch.soft_targets[1] == kUnknownTarget);
    CHECK(batch.soft_targets[2] == kUnknownTarget);
    CHECK(batch.soft_targets[4] == kUnknownTarget);
    CHECK(batch.targets == std::vector<float>{1, 0, kUnknownTarget, 1, kUnknownTarget, 0});
    int of_partner = 0;
    for (int y = 0; y < 4; ++y)
        for (int x = 0; x < 4; ++x) {
            const bool inside =
                x >= plan[0].x && x < plan[0].x + plan[0].w && y >= plan[0].y && y < plan[0].y + plan[0].h;
            CHECK(batch.images[static_cast<std::size_t>(4 * y + x)] == (inside ? 1.0F : 0.0F));
            of_partner += inside;
        }
    CHECK(own == 1 - static_cast<float>(of_partner) / 16);
}

TEST_CASE("Targets that are soft before are mixed as such", "[mix]") {
    Batch batch = shades(2);
    batch.targets = {kUnknownTarget, 1, 0, 1};
    batch.soft_targets = {0.75F, 1, 0, 1};
    const MixOptions options{.mixup = 1};
    const std::vector<Mix> plan = plan_mix(options, batch.indices, {}, 4, 5, 6);
    mix_batch(batch, options, 2, 5, 6);
    REQUIRE((plan[0].own < 1 && plan[0].partner == 1));
    CHECK(batch.soft_targets[0] == static_cast<float>(plan[0].own) * 0.75F);
    CHECK(batch.targets[0] == kUnknownTarget);
}

TEST_CASE("Without mixing a batch has no soft targets, and options out of range are refused", "[mix]") {
    Batch batch = shades(2);
    batch.labels = {0, 1};
    mix_batch(batch, {}, 2, 1, 1);
    mix_batch(batch, {.mixup = 1, .probability = 0}, 2, 1, 1);
    CHECK(batch.soft_targets.empty());
    CHECK_THROWS_AS(check_mix({.mixup = -1}), UsageError);
    CHECK_THROWS_AS(check_mix({.cutmix = NAN}), UsageError);
    CHECK_THROWS_AS(check_mix({.probability = 1.5}), UsageError);
}
