#include "train/threshold.h"

#include <cmath>

#include "kernels/error.h"
#include "kernels/random.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

ScoreCurve curve_of(const std::vector<double>& scores, const std::vector<float>& targets) {
    return score_curve(scores, targets);
}

ModelSpec spec_of(bool multi_label, std::size_t labels) {
    ModelSpec spec{.name = "resnet18", .multi_label = multi_label};
    for (std::size_t k = 0; k < labels; ++k) spec.label_names.push_back(std::string(1, static_cast<char>('A' + k)));
    return spec;
}

double probability(double z) { return 1 / (1 + std::exp(-z)); }

/// Labels whose truth is drawn from probability(slope * z + offset) of a model that says probability(z).
Predictions overconfident(double slope, double offset, std::size_t samples, std::uint64_t seed) {
    Random random(seed, Draw::bench);
    Predictions p;
    for (std::size_t i = 0; i < samples; ++i) {
        const double z = 3 * static_cast<double>(random.normal());
        p.names.push_back(std::to_string(i));
        p.probabilities.push_back(static_cast<float>(probability(z)));
        p.targets.push_back(random.chance(static_cast<float>(probability(slope * z + offset))) ? 1.0F : 0.0F);
    }
    return p;
}

}  // namespace

TEST_CASE("Operating points of a small curve, by hand", "[threshold]") {
    // From above: +, +, -, +, -, -, +, -
    const ScoreCurve curve = curve_of({0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2}, {1, 1, 0, 1, 0, 0, 1, 0});
    const auto youden = youden_point(curve);
    REQUIRE(youden);
    CHECK(*youden == OperatingPoint{0.8, 0.5, 1});  // 0.5 at 0.8 and at 0.6: the higher one
    CHECK(*f1_point(curve) == OperatingPoint{0.6, 0.75, 0.75});
    CHECK(*sensitivity_point(curve, 0.75) == OperatingPoint{0.6, 0.75, 0.75});
    CHECK(*sensitivity_point(curve, 0.76) == OperatingPoint{0.3, 1, 0.25});
    CHECK(*sensitivity_point(curve, 1) == OperatingPoint{0.3, 1, 0.25});
    CHECK(*sensitivity_point(curve, 1e-9) == OperatingPoint{0.9, 0.25, 1});
    // 0.56 * 100 is above 56 in double; 56 of 100 are enough all the same.
    std::vector<double> scores(101);
    std::vector<float> targets(101, 1);
    for (std::size_t i = 0; i < 101; ++i) scores[i] = -static_cast<double>(i);
    targets[100] = 0;
    CHECK(sensitivity_point(curve_of(scores, targets), 0.56)->threshold == -55);
    // Ties move together; what is not known does not count.
    CHECK(*youden_point(curve_of({0.5, 0.5, 0.5, 0.1, 0.9}, {1, 1, 0, 0, -1})) == OperatingPoint{0.5, 1, 0.5});
    for (const float only : {0.0F, 1.0F}) {
        const ScoreCurve one_sided = curve_of({0.1, 0.2}, {only, only});
        CHECK_FALSE(youden_point(one_sided));
        CHECK_FALSE(f1_point(one_sided));
        CHECK_FALSE(sensitivity_point(one_sided, 0.5));
    }
}

TEST_CASE("Every label has its points, one without positives none", "[threshold]") {
    Predictions p;
    p.names = {"a", "b", "c", "d"};
    p.probabilities = {0.9F, 0.1F, 0.6F, 0.2F, 0.4F, 0.3F, 0.1F, 0.4F};
    p.targets = {1, 0, 1, 0, 0, 0, 0, -1};
    const ModelSpec spec = spec_of(true, 2);
    const OperatingPoints points = measure_operating_points(spec, p, {.rule = "sensitivity", .least_sensitivity = 0.5});
    CHECK(points.chosen == "sensitivity");
    CHECK(points.rules.size() == 3);
    CHECK(points.rules.at("youden")[0]->threshold == double{0.6F});
    CHECK(points.rules.at("sensitivity")[0]->threshold == double{0.9F});
    CHECK_FALSE(points.rules.at("youden")[1]);
    CHECK_FALSE(points.calibration);
    CHECK(operating_points_of(to_metadata(points), 2) == points);

    const std::vector<std::string> doubts = doubts_about(spec, p, points);
    REQUIRE(doubts.size() == 2);
    CHECK(doubts[0] == "B get no threshold: no positive or no negative");
    CHECK_THAT(doubts[1], contains("A have fewer than 10 positives or negatives"));
    OperatingPoints turned = points;
    turned.calibration = ScoreCalibration{"platt", {-1, 1}, {0, 0}};
    CHECK_THAT(doubts_about(spec, p, turned).back(), contains("A have a negative slope"));

    Predictions classes = p;
    classes.targets.clear();
    classes.labels = {0, 0, 1, 1};
    const OperatingPoints of_classes = measure_operating_points(spec_of(false, 2), classes, {});
    CHECK(of_classes.rules.at("youden")[0]->threshold == double{0.6F});
    CHECK(of_classes.rules.at("youden")[1]->sensitivity == 1);

    const auto refused = [&](const ThresholdOptions& options) {
        try {
            measure_operating_points(spec, p, options);
        } catch (const UsageError& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    CHECK_THAT(refused({.rule = "best"}), contains("got 'best'"));
    CHECK_THAT(refused({.least_sensitivity = 0}), contains("above 0 and at most 1"));
    CHECK_THAT(refused({.least_sensitivity = std::nan("")}), contains("above 0 and at most 1"));
    CHECK_THAT(refused({.calibration = "isotonic"}), contains("got 'isotonic'"));
    p.targets.assign(8, 0);
    CHECK_THROWS_AS(measure_operating_points(spec, p, {}), InputError);
}

TEST_CASE("Platt's fit finds the slope and the offset that the truth was drawn with", "[threshold]") {
    const Predictions p = overconfident(0.4, -1, 40'000, 1);
    std::vector<double> z;
    for (const float probability : p.probabilities) z.push_back(logit_of(probability));
    const auto fitted = fit_platt(z, p.targets);
    REQUIRE(fitted);
    // The estimator's own spread is about 1 / sqrt(n * mean of p (1 - p) z^2), below 0.01 for the slope.
    CHECK(fitted->first == Approx(0.4).margin(0.03));
    CHECK(fitted->second == Approx(-1).margin(0.05));
    CHECK_FALSE(fit_platt(std::vector<double>{0, 1}, std::vector<float>{1, 1}));
    // Positives and negatives that do not overlap: the targets of Platt keep the fit finite.
    const auto apart = fit_platt(std::vector<double>{-1, -2, 1, 2}, std::vector<float>{0, 0, 1, 1});
    REQUIRE(apart);
    CHECK((std::isfinite(apart->first) && apart->first > 0 && apart->first < 10));
}

TEST_CASE("Calibration lowers the loss of an overconfident model", "[threshold]") {
    const ModelSpec labels = spec_of(true, 1);
    Predictions p = overconfident(0.5, 0, 20'000, 2);
    CHECK(fit_temperature(labels, p) == Approx(0.5).margin(0.03));
    p.loss = loss_of_probabilities(labels, p);
    for (const char* method : {"temperature", "platt"}) {
        ModelSpec calibrated = labels;
        calibrated.operating = measure_operating_points(labels, p, {.calibration = method});
        REQUIRE(calibrated.operating->calibration);
        Predictions after = p;
        calibrate(calibrated, after);
        CHECK(after.loss < p.loss - 0.02);
        CHECK(after.loss == Approx(loss_of_probabilities(calibrated, after)));
        CHECK(label_auroc(after.probabilities, after.targets, 1).mean.value() ==
              Approx(label_auroc(p.probabilities, p.targets, 1).mean.value()).margin(1e-6));
    }
    CHECK_THROWS_AS(calibrate(labels, p), UsageError);

    // Classes: softmax of logits that are three times too large.
    const ModelSpec classes = spec_of(false, 3);
    Predictions c;
    Random random(5, Draw::bench);
    for (int i = 0; i < 20'000; ++i) {
        double z[3], truth = 0, told = 0;
        for (double& value : z) value = static_cast<double>(random.normal());
        for (const double value : z) {
            truth += std::exp(value);
            told += std::exp(3 * value);
        }
        double u = static_cast<double>(random.uniform()) * truth;
        std::int32_t label = 0;
        for (; label < 2 && u > std::exp(z[label]); ++label) u -= std::exp(z[label]);
        c.names.push_back(std::to_string(i));
        c.labels.push_back(label);
        for (const double value : z) c.probabilities.push_back(static_cast<float>(std::exp(3 * value) / told));
    }
    CHECK(fit_temperature(classes, c) == Approx(1.0 / 3).margin(0.02));
}
