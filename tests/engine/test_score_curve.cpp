#include "engine/score_curve.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/json.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace keel;

namespace {

/// Knuth's MMIX generator, its upper 31 bits; make_score_golden.py has the same.
struct CurveDraws {
    std::uint64_t state;
    std::uint64_t below(std::uint64_t n) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        return (state >> 33) % n;
    }
};

struct Set {
    std::vector<double> scores;
    std::vector<float> targets;
};

Set random_set(std::uint64_t seed, std::size_t samples, std::uint64_t levels, std::uint64_t positives_per_mille) {
    CurveDraws draws{seed};
    Set set;
    for (std::size_t i = 0; i < samples; ++i) {
        set.scores.push_back(static_cast<double>(draws.below(levels)) / static_cast<double>(levels));
        set.targets.push_back(draws.below(1000) < positives_per_mille ? 1.0F : 0.0F);
    }
    return set;
}

double variance(const std::vector<double>& values) {  // of the sample, about its own mean
    double mean = 0, sum = 0;
    for (const double v : values) mean += v / static_cast<double>(values.size());
    for (const double v : values) sum += (v - mean) * (v - mean);
    return sum / static_cast<double>(values.size() - 1);
}

/// DeLong's equations as they stand in the paper: the structural components of every positive and every negative, from
/// all pairs.
Interval interval_by_pairs(const Set& set) {
    std::vector<double> x, y;
    for (std::size_t i = 0; i < set.scores.size(); ++i) (set.targets[i] > 0.5F ? x : y).push_back(set.scores[i]);
    const auto psi = [](double a, double b) { return a > b ? 1.0 : a == b ? 0.5 : 0.0; };
    std::vector<double> v10(x.size()), v01(y.size());
    double area = 0;
    for (std::size_t i = 0; i < x.size(); ++i)
        for (std::size_t j = 0; j < y.size(); ++j) {
            v10[i] += psi(x[i], y[j]) / static_cast<double>(y.size());
            v01[j] += psi(x[i], y[j]) / static_cast<double>(x.size());
            area += psi(x[i], y[j]) / static_cast<double>(x.size() * y.size());
        }
    const double deviation =
        std::sqrt(variance(v10) / static_cast<double>(x.size()) + variance(v01) / static_cast<double>(y.size()));
    return {std::max(0.0, area - 1.959963984540054 * deviation), std::min(1.0, area + 1.959963984540054 * deviation)};
}

}  // namespace

TEST_CASE("score curve: AUROC and average precision are scikit-learn's", "[scores]") {
    const auto golden = keel::parse_json(keel::test::read_text(KEEL_SOURCE_DIR "/tests/engine/golden/scores.json"));
    REQUIRE(golden.size() > 40);
    for (const auto& entry : golden) {
        INFO(entry);
        const Set set =
            random_set(entry.at("seed"), entry.at("samples"), entry.at("levels"), entry.at("positives_per_mille"));
        const ScoreCurve curve = score_curve(set.scores, set.targets);
        CHECK(std::abs(*auroc(curve) - entry.at("auroc").get<double>()) < 1e-12);
        CHECK(std::abs(*average_precision(curve) - entry.at("average_precision").get<double>()) < 1e-12);
    }
}

TEST_CASE("score curve: DeLong's interval equals the one from all pairs", "[scores]") {
    int checked = 0;
    for (std::uint64_t seed = 1; seed <= 150; ++seed) {
        const Set set = random_set(seed, 4 + seed, 2 + seed * seed % 97, 100 + seed * 5);
        const ScoreCurve curve = score_curve(set.scores, set.targets);
        const auto interval = auroc_interval(curve);
        REQUIRE(interval.has_value() == (curve.positives >= 2 && curve.negatives >= 2));
        if (!interval) continue;
        ++checked;
        const Interval wanted = interval_by_pairs(set);
        // The area and the variance, at most 1, are sums of at most 154 rounded terms; the root of a variance that
        // small lets its rounding through by half as many digits.
        CHECK(std::abs(interval->low - wanted.low) < 1e-7);
        CHECK(std::abs(interval->high - wanted.high) < 1e-7);
        if (*auroc(curve) > 0.3 && *auroc(curve) < 0.7 && curve.positives > 3 && curve.negatives > 3)
            CHECK(std::abs(interval->low - wanted.low) < 1e-13);
    }
    CHECK(checked > 100);
    // Known beforehand: every positive above every negative.
    const ScoreCurve perfect = score_curve(std::vector<double>{1, 2, 3, 4}, std::vector<float>{0, 0, 1, 1});
    CHECK(auroc_interval(perfect)->low == 1);
    CHECK(auroc_interval(perfect)->high == 1);
}

TEST_CASE("score curve: its points, by hand", "[scores]") {
    const ScoreCurve curve =
        score_curve(std::vector<double>{0.2, 0.9, 0.5, 0.5, 0.9, 0.7}, std::vector<float>{0, 1, 1, 0, 1, -1});
    REQUIRE(curve.points.size() == 3);  // the sample of 0.7 is missing
    CHECK(curve.positives == 3);
    CHECK(curve.negatives == 2);
    const std::vector<std::array<double, 3>> wanted{{0.9, 2, 0}, {0.5, 3, 1}, {0.2, 3, 2}};
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(curve.points[i].threshold == wanted[i][0]);
        CHECK(static_cast<double>(curve.points[i].true_positives) == wanted[i][1]);
        CHECK(static_cast<double>(curve.points[i].false_positives) == wanted[i][2]);
    }
    CHECK(*auroc(curve) == 5.5 / 6);
    CHECK(std::abs(*average_precision(curve) - (2 * 1.0 + 0.75) / 3) < 1e-15);
    CHECK(best_f1(curve)->threshold == 0.5);
    CHECK(best_f1(curve)->f1 == 6.0 / 7);
}

TEST_CASE("score curve: the best F1 is the best of all thresholds, the highest of equals", "[scores]") {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        const Set set = random_set(seed, 60, 9, 300);
        double best = -1, threshold = 0;
        for (int level = 8; level >= 0; --level) {
            double tp = 0, fp = 0, fn = 0;
            for (std::size_t i = 0; i < set.scores.size(); ++i) {
                const bool called = set.scores[i] >= level / 9.0, is = set.targets[i] > 0.5F;
                tp += called && is ? 1 : 0;
                fp += called && !is ? 1 : 0;
                fn += !called && is ? 1 : 0;
            }
            const double f1 = 2 * tp / (2 * tp + fp + fn);
            if (f1 > best) {
                best = f1;
                threshold = level / 9.0;
            }
        }
        const auto found = best_f1(score_curve(set.scores, set.targets));
        CHECK(found->f1 == best);
        CHECK(found->threshold == threshold);
    }
}

TEST_CASE("score curve: undefined scores are empty, bad ones are refused", "[scores]") {
    using D = std::vector<double>;
    using F = std::vector<float>;
    const ScoreCurve none = score_curve(D{}, F{}), positive = score_curve(D{1, 2}, F{1, 1}),
                     negative = score_curve(D{1}, F{0});
    for (const ScoreCurve* curve : {&none, &positive, &negative}) {
        CHECK(!auroc(*curve));
        CHECK(!auroc_interval(*curve));
    }
    CHECK(*average_precision(positive) == 1);
    CHECK(!average_precision(negative));
    CHECK(!best_f1(none));
    CHECK(!auroc_interval(score_curve(D{1, 2, 3}, F{1, 0, 0})));  // one positive has no variance
    CHECK(*auroc(score_curve(D{-std::numeric_limits<double>::infinity(), 0}, F{0, 1})) == 1);
    CHECK_THROWS_AS(score_curve(D{std::nan("")}, F{1}), InputError);
    CHECK_THROWS_AS(score_curve(D{1}, F{std::nanf("")}), InputError);
    CHECK_THROWS_AS(score_curve(D{1, 2}, F{1}), UsageError);
}

TEST_CASE("calibration error: the bins' distance between probability and truth", "[scores]") {
    using D = std::vector<double>;
    using F = std::vector<float>;
    // Two bins: {0.1, 0.3} with one positive of two, {0.5, 0.9, 1} with two of three.
    const D p{0.1, 0.3, 0.5, 0.9, 1};
    CHECK(std::abs(*calibration_error(p, F{0, 1, 1, 0, 1}, 2) -
                   (2 * std::abs(0.2 - 0.5) + 3 * std::abs(0.8 - 2.0 / 3)) / 5) < 1e-15);
    CHECK(*calibration_error(D{0, 1, 1}, F{0, 1, 1}) == 0);
    CHECK(*calibration_error(D{0, 1}, F{1, 0}) == 1);
    CHECK(*calibration_error(D{0.25, 0.9}, F{0, -1}) == 0.25);  // the second one is missing
    CHECK(!calibration_error(D{0.5, 1.5}, F{0, 1}));            // logits
    CHECK(!calibration_error(D{}, F{}));
    CHECK_THROWS_AS(calibration_error(D{0.5}, F{0}, 0), UsageError);
}
