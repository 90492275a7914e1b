#include "tune/fit/accuracy.h"

#include <cmath>

#include "kernels/error.h"
#include "kernels/parallel.h"
#include "kernels/random.h"
#include "tests/support/catch.h"

using namespace keel;

namespace keel::fit {  // not used: names of other searches are compiled beside these

namespace {

ModelSpec spec_of_labels(bool multi_label, std::size_t labels) {
    ModelSpec spec{.name = "m", .multi_label = multi_label};
    spec.options.classes = static_cast<std::int64_t>(labels);
    for (std::size_t k = 0; k < labels; ++k) spec.label_names.push_back("label" + std::to_string(k));
    return spec;
}

/// Scores that follow the truth, with noise; `noise_seed` draws the noise alone.
Predictions drawn_predictions(bool multi_label, std::size_t labels, int samples, std::uint64_t noise_seed,
                              float noise) {
    Predictions p;
    Random truth(1, Draw::bench), wobble(noise_seed, Draw::bench, 1);
    for (int i = 0; i < samples; ++i) {
        p.names.push_back("image " + std::to_string(i));
        p.patients.push_back("patient " + std::to_string(i / 3));
        const std::uint32_t own = truth.below(static_cast<std::uint32_t>(labels));
        if (!multi_label) p.labels.push_back(static_cast<std::int32_t>(own));
        float sum = 0;
        std::vector<float> scores;
        for (std::size_t k = 0; k < labels; ++k) {
            const bool is = multi_label ? truth.below(3) == 0 : k == own;
            if (multi_label) p.targets.push_back(is ? 1.0F : 0.0F);
            scores.push_back((is ? 0.6F : 0.4F) + noise * (wobble.uniform() - 0.5F) + 1e-3F * static_cast<float>(k));
            sum += scores.back();
        }
        for (const float score : scores) p.probabilities.push_back(multi_label ? score : score / sum);
    }
    return p;
}

}  // namespace

TEST_CASE("A model's metric is the one that runs choose by, and beside itself it loses nothing", "[fit]") {
    for (const auto& [multi_label, labels] : {std::pair(true, 4), std::pair(false, 2), std::pair(false, 5)}) {
        CAPTURE(multi_label, labels);
        const ModelSpec spec = spec_of_labels(multi_label, static_cast<std::size_t>(labels));
        const Predictions p = drawn_predictions(multi_label, spec.label_names.size(), 300, 1, 0.8F);
        const Accuracy own = Yardstick(spec, p, {.replicates = 200}).compare(p);
        // The same counts in another order of the sums: a rounding for each of them.
        CHECK(own.metric == Approx(selection_metric(spec, p, score(spec, p))).epsilon(1e-12));
        CHECK(own.drop == 0);
        REQUIRE(own.drop_interval);
        CHECK(own.drop_interval->low == 0);
        CHECK(own.drop_interval->high == 0);
        REQUIRE(own.interval);
        CHECK(own.interval->low < own.metric);
        CHECK(own.metric < own.interval->high);
    }
}

TEST_CASE("A drop's interval is that of the difference, whatever the threads", "[fit]") {
    const ModelSpec spec = spec_of_labels(true, 3);
    const Predictions good = drawn_predictions(true, 3, 300, 1, 0.8F), worse = drawn_predictions(true, 3, 300, 1, 0.9F);
    const Yardstick yardstick(spec, good, {.replicates = 400, .seed = 3});
    const Accuracy accuracy = yardstick.compare(worse);
    CHECK(accuracy.drop > 0);
    REQUIRE(accuracy.drop_interval);
    REQUIRE(accuracy.interval);
    CHECK(accuracy.drop_interval->low < accuracy.drop);
    CHECK(accuracy.drop < accuracy.drop_interval->high);
    // Both models see the same noise, scaled: what patients are drawn moves both scores, and their difference less.
    CHECK(accuracy.drop_interval->high - accuracy.drop_interval->low <
          0.5 * (accuracy.interval->high - accuracy.interval->low));
    const ThreadScope one(1);
    const Accuracy again = Yardstick(spec, good, {.replicates = 400, .seed = 3}).compare(worse);
    CHECK(again.drop_interval->low == accuracy.drop_interval->low);
    CHECK(again.interval->high == accuracy.interval->high);
}

TEST_CASE("Samples without positives, and other samples, are refused", "[fit]") {
    const ModelSpec spec = spec_of_labels(true, 2);
    Predictions p = drawn_predictions(true, 2, 20, 1, 0.5F);
    const Yardstick yardstick(spec, p, {.replicates = 20});
    Predictions fewer = drawn_predictions(true, 2, 19, 1, 0.5F);
    CHECK_THROWS_AS(yardstick.compare(fewer), InputError);
    for (float& target : p.targets) target = 0;
    CHECK_THROWS_AS(Yardstick(spec, p, {.replicates = 20}), InputError);
}

}  // namespace keel::fit
