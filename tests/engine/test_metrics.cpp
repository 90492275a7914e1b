#include "engine/metrics.h"

#include <cmath>
#include <limits>

#include "kernels/error.h"
#include "tests/support/catch.h"

using namespace keel;

namespace {

/// The definition: over all pairs of a positive and a negative.
std::optional<double> auroc_by_pairs(const std::vector<float>& scores, const std::vector<float>& targets) {
    double won = 0, pairs = 0;
    for (std::size_t i = 0; i < scores.size(); ++i)
        for (std::size_t j = 0; j < scores.size(); ++j) {
            if (!(targets[i] > 0.5F) || targets[j] < 0 || targets[j] > 0.5F) continue;
            won += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
            ++pairs;
        }
    return pairs > 0 ? std::optional(won / pairs) : std::nullopt;
}

/// Small pseudo-random integers.
struct Draws {
    std::uint64_t state;
    float below(std::uint64_t n) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        return static_cast<float>((state >> 33) % n);
    }
};

}  // namespace

TEST_CASE("auroc: equals the definition, ties and missing labels included") {
    Draws draws{1};
    for (int trial = 0; trial < 200; ++trial) {
        const auto n = static_cast<std::size_t>(draws.below(40));
        const auto levels = static_cast<std::uint64_t>(1 + draws.below(12));
        std::vector<float> scores, targets;
        for (std::size_t i = 0; i < n; ++i) {
            scores.push_back(draws.below(levels) - 3);
            targets.push_back(draws.below(3) - 1);
        }
        CHECK(auroc(scores, targets) ==
              auroc_by_pairs(scores, targets));  // half-integers over integers: both exact until one division
    }
}

TEST_CASE("auroc: simple cases") {
    using F = std::vector<float>;
    CHECK(auroc(F{1, 2, 3, 4}, F{0, 0, 1, 1}) == 1.0);
    CHECK(auroc(F{1, 2, 3, 4}, F{1, 1, 0, 0}) == 0.0);
    CHECK(auroc(F{5, 5, 5, 5}, F{1, 0, 1, 0}) == 0.5);
    CHECK(auroc(F{0.0F, -0.0F}, F{1, 0}) == 0.5);
    const float infinity = std::numeric_limits<float>::infinity();
    CHECK(auroc(F{-infinity, infinity}, F{0, 1}) == 1.0);
    CHECK(!auroc(F{}, F{}));
    CHECK(!auroc(F{1, 2}, F{1, 1}));
    CHECK(!auroc(F{1, 2}, F{0, -1}));
    CHECK_THROWS_AS(auroc(F{1, std::nanf("")}, F{0, 1}), InputError);
    CHECK_THROWS_AS(auroc(F{1, 2}, F{0, std::nanf("")}), InputError);
    CHECK_THROWS_AS(auroc(F{1, 2}, F{0}), UsageError);
}

TEST_CASE("auroc: per label, and the mean over those that are defined") {
    // Columns: 1.0; undefined (no positive); 0.5 with a missing label.
    const std::vector<float> scores{0.1F, 0.5F, 0.7F, 0.9F, 0.5F, 0.7F, 0.2F, 0.5F, 0.1F};
    const std::vector<float> targets{0, 0, 1, 1, 0, 0, 0, 0, -1};
    const LabelAuroc result = label_auroc(scores, targets, 3);
    REQUIRE(result.per_label.size() == 3);
    CHECK(result.per_label[0] == 1.0);
    CHECK(!result.per_label[1]);
    CHECK(result.per_label[2] == 0.5);
    CHECK(result.mean == 0.75);
    CHECK(!label_auroc({}, {}, 2).mean);
    CHECK_THROWS_AS(label_auroc(scores, targets, 2), UsageError);
    CHECK_THROWS_AS(label_auroc(scores, targets, 0), UsageError);
}

TEST_CASE("accuracy: the first of the highest scores") {
    const std::vector<float> scores{1, 2, 3, 3, 3, 0, 5, 1, 1, 0, 0, 0};
    CHECK(accuracy(scores, std::vector<std::int32_t>{2, 0, 0, 1}, 3) == 0.75);
    CHECK(accuracy({}, {}, 3) == 0);
    CHECK_THROWS_AS(accuracy(scores, std::vector<std::int32_t>{2, 0, 0, 3}, 3), InputError);
    CHECK_THROWS_AS(accuracy(scores, std::vector<std::int32_t>{2, 0, 0, -1}, 3), InputError);
    CHECK_THROWS_AS(accuracy(scores, std::vector<std::int32_t>{2, 0, 0}, 3), UsageError);
    CHECK_THROWS_AS(accuracy(std::vector<float>{std::nanf(""), 1}, std::vector<std::int32_t>{0}, 2), InputError);
}

TEST_CASE("class_auc: two classes by class 1, more by one against the rest") {
    const std::vector<float> two{0.8F, 0.2F, 0.4F, 0.6F, 0.7F, 0.3F, 0.1F, 0.9F};
    CHECK(class_auc(two, std::vector<std::int32_t>{0, 0, 1, 1}, 2) == 0.75);  // 0.3 loses to 0.6 alone, of four pairs
    CHECK(!class_auc(two, std::vector<std::int32_t>{0, 0, 0, 0}, 2));

    Draws draws{7};
    std::vector<float> scores;
    std::vector<std::int32_t> labels;
    for (int i = 0; i < 60; ++i) {
        for (int c = 0; c < 4; ++c) scores.push_back(draws.below(9) / 8);
        labels.push_back(static_cast<std::int32_t>(draws.below(3)));  // class 3 never comes: undefined
    }
    double sum = 0;
    for (std::int32_t c = 0; c < 3; ++c) {
        std::vector<float> column, targets;
        for (std::size_t i = 0; i < labels.size(); ++i) {
            column.push_back(scores[4 * i + static_cast<std::size_t>(c)]);
            targets.push_back(labels[i] == c ? 1.0F : 0.0F);
        }
        sum += *auroc_by_pairs(column, targets);
    }
    CHECK(class_auc(scores, labels, 4) == sum / 3);
    CHECK_THROWS_AS(class_auc(scores, labels, 1), UsageError);
}

TEST_CASE("running mean: weighted") {
    RunningMean mean;
    CHECK(mean.mean() == 0);
    mean.add(1, 3);
    mean.add(5);
    CHECK(mean.mean() == 2);
    CHECK(mean.weight() == 4);
}
