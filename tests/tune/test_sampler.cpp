#include "tune/sampler.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "tests/support/catch.h"
#include "tune/parzen.h"

using namespace keel;

namespace keel::tune {

namespace {

const Space kMixed{{{.key = "optimizer", .choices = {"sgd", "adamw", "lars"}},
                    {.key = "lr", .low = 1e-5, .high = 0.1, .logarithmic = true},
                    {.key = "batch_size", .low = 8, .high = 64, .logarithmic = true, .whole = true},
                    {.key = "epochs_of_step", .low = 1, .high = 5, .whole = true},
                    {.key = "momentum", .low = 0, .high = 0.9, .when = {{0, {0, 2}}}}}};

/// Best at adamw, lr 1e-3, batch 32; lr counts most.
double made_up_score(const Point& point) {
    return -std::abs(std::log10(point[1]) + 3) - 0.2 * std::abs(std::log2(point[2]) - 5) - (point[0] == 1 ? 0 : 0.5);
}

/// The best score of `count` trials, each told of all before it.
double best_of(std::string_view sampler, int count, std::uint64_t seed) {
    History history(1);
    std::vector<Point> taken;
    for (int i = 0; i < count; ++i) {
        const auto point = draw_trial(sampler, kMixed, history, taken, seed);
        REQUIRE(point);
        REQUIRE(holds(kMixed, *point));
        taken.push_back(*point);
        history[0].push_back({*point, made_up_score(*point)});
    }
    return std::ranges::max(history[0], {}, &Observation::score).score;
}

/// The integral of a density over its range, by midpoints; the sum of the masses of what is whole.
double mass_of(const Parameter& p, const std::vector<double>& values) {
    const Parzen parzen(p, values);
    double sum = 0;
    if (p.is_choice())
        for (std::size_t i = 0; i < p.choices.size(); ++i) sum += std::exp(parzen.log_density(static_cast<double>(i)));
    if (p.whole)
        for (double v = p.low; v <= p.high; ++v) sum += std::exp(parzen.log_density(v));
    if (p.is_choice() || p.whole) return sum;
    constexpr int kSteps = 20'000;
    const double low = p.logarithmic ? std::log(p.low) : p.low, high = p.logarithmic ? std::log(p.high) : p.high;
    for (int i = 0; i < kSteps; ++i) {
        const double x = low + (high - low) * (i + 0.5) / kSteps;
        sum += std::exp(parzen.log_density(p.logarithmic ? std::exp(x) : x)) * (high - low) / kSteps;
    }
    return sum;
}

}  // namespace

TEST_CASE("Random points lie within their ranges, spread over all of them", "[tune]") {
    std::set<double> choices, whole;
    int low_lr = 0, momenta = 0;
    constexpr int kCount = 400;
    for (std::uint64_t trial = 0; trial < kCount; ++trial) {
        Random random(7, Draw::search, trial);
        const Point point = draw_random(kMixed, random);
        REQUIRE(holds(kMixed, point));
        choices.insert(point[0]);
        whole.insert(point[3]);
        low_lr += point[1] < 1e-3;  // half of the decades
        momenta += !std::isnan(point[4]);
        Random again(7, Draw::search, trial);
        CHECK(same(point, draw_random(kMixed, again)));
    }
    CHECK((choices.size() == 3 && whole.size() == 5));
    // Six standard deviations of a binomial: 0.5 * sqrt(400) * 6 = 60, of two thirds 57.
    CHECK(std::abs(low_lr - kCount / 2) < 60);
    CHECK(std::abs(momenta - 2 * kCount / 3) < 57);
}

TEST_CASE("Estimated densities are densities of their ranges", "[tune]") {
    const std::vector<double> values{1e-5, 2e-5, 0.05, 0.1};
    // The midpoint rule's error is below (b - a)^3 / (24 n^2) of the second derivative, which is 1 / s^3 at most and s
    // a fifth of the range at least: 1e-7.
    CHECK(std::abs(mass_of(kMixed.parameters[1], values) - 1) < 1e-6);
    CHECK(std::abs(mass_of(kMixed.parameters[4], std::vector{0.0, 0.3, 0.31, 0.9}) - 1) < 1e-6);
    CHECK(std::abs(mass_of(kMixed.parameters[4], {}) - 1) < 1e-6);
    CHECK(std::abs(mass_of(kMixed.parameters[3], std::vector{1.0, 1.0, 5.0}) - 1) < 1e-12);
    CHECK(std::abs(mass_of(kMixed.parameters[2], std::vector{8.0, 64.0}) - 1) < 1e-12);
    CHECK(std::abs(mass_of(kMixed.parameters[0], std::vector{2.0, 2.0}) - 1) < 1e-12);
    const Parzen parzen(kMixed.parameters[4], std::vector{0.1, 0.11, 0.12});
    CHECK(parzen.log_density(0.11) > parzen.log_density(0.8) + 1);
    const Parzen counts(kMixed.parameters[0], std::vector{2.0, 2.0});
    CHECK(std::abs(std::exp(counts.log_density(2)) - 0.6) < 1e-12);
}

TEST_CASE("TPE finds better points than chance, the same ones each time", "[tune]") {
    double gain = 0;
    constexpr int kSeeds = 30;
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) gain += best_of("tpe", 40, seed) - best_of("random", 40, seed);
    CHECK(gain / kSeeds > 0.03);  // what chance leaves to be gained is about 0.27
    CHECK(best_of("tpe", 30, 3) == best_of("tpe", 30, 3));
}

TEST_CASE("TPE learns from the highest rung that has enough, and not of trials without scores", "[tune]") {
    Random drawing(1, Draw::search);
    History history(2);
    std::vector<Point> taken;
    for (int i = 0; i < 30; ++i) {
        const Point point = draw_random(kMixed, drawing);
        taken.push_back(point);
        history[0].push_back({point, -std::abs(std::log10(point[1]) + 3)});
        // Above, the best are the largest learning rates.
        if (i < 20) history[1].push_back({point, std::log10(point[1])});
    }
    // How far, in decades, learning rates are from the best of the lower rung; by chance 1, at the upper one's best 2.
    const auto distance = [&](const History& known) {
        double sum = 0;
        constexpr int kDraws = 60;
        for (std::uint64_t seed = 0; seed < kDraws; ++seed)
            sum += std::abs(std::log10((*draw_trial("tpe", kMixed, known, taken, seed))[1]) + 3);
        return sum / kDraws;
    };
    CHECK(distance(history) > 1.5);
    for (Observation& observation : history[1]) observation.score = std::nan("");
    CHECK(distance(history) < 0.95);
}

TEST_CASE("A space of few points runs out of them", "[tune]") {
    const Space few{
        {{.key = "optimizer", .choices = {"sgd", "adamw"}}, {.key = "batch_size", .low = 1, .high = 3, .whole = true}}};
    std::vector<Point> taken;
    while (const auto point = draw_trial("random", few, History(1), taken, 1)) taken.push_back(*point);
    CHECK(taken.size() == 6);  // 200 draws miss one of six with a probability of 6 (5/6)^200 = 1e-15
}

}  // namespace keel::tune
