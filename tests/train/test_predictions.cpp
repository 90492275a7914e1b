#include "train/predictions.h"

#include <cmath>

#include "kernels/error.h"
#include "tests/support/catch.h"

using namespace keel;

TEST_CASE("Labels are scored each by itself, and chosen by their mean", "[predictions]") {
    const ModelSpec spec{.name = "", .options = {.classes = 3}, .multi_label = true, .label_names = {"A", "B", "C"}};
    Predictions p;
    p.names = {"a", "b", "c"};
    p.probabilities = {0.9F, 0.1F, 0.5F, 0.2F, 0.8F, 0.5F, 0.4F, 0.4F, 0.5F};
    p.targets = {1, 1, 0, 0, 0, 0, -1, 1, 0};  // of C nobody has it
    p.loss = 0.25;
    const Scores scores = score(spec, p);
    REQUIRE(scores.auroc.per_label.size() == 3);
    CHECK(scores.auroc.per_label[0] == 1.0);
    CHECK(scores.auroc.per_label[1] == 0.0);
    CHECK_FALSE(scores.auroc.per_label[2]);
    CHECK(scores.auroc.mean == 0.5);
    CHECK(selection_metric(spec, p, scores) == 0.5);
}

TEST_CASE("Classes are scored by accuracy, and chosen by AUC", "[predictions]") {
    const ModelSpec spec{.name = "", .options = {.classes = 2}, .label_names = {"cat", "dog"}};
    Predictions p;
    p.names = {"a", "b", "c", "d"};
    p.probabilities = {0.6F, 0.4F, 0.3F, 0.7F, 0.55F, 0.45F, 0.9F, 0.1F};
    p.labels = {0, 1, 1, 0};
    const Scores scores = score(spec, p);
    CHECK(scores.accuracy == 0.75);
    CHECK(scores.auc == 1.0);
    CHECK(selection_metric(spec, p, scores) == 1.0);
    CHECK(p.samples() == 4);
}

TEST_CASE("Where a score is undefined the loss decides, the lower the better", "[predictions]") {
    Predictions p;
    p.names = {"a"};
    p.probabilities = {0.6F, 0.4F};
    p.labels = {0};
    p.targets = {1, 0};
    p.loss = 0.5;
    const ModelSpec classes{.name = "", .options = {.classes = 2}, .label_names = {"A", "B"}};
    CHECK(selection_metric(classes, p, score(classes, p)) == -0.5);
    ModelSpec labels = classes;
    labels.multi_label = true;
    CHECK(selection_metric(labels, p, score(labels, p)) == -0.5);
}

TEST_CASE("What a model is chosen by has its name", "[predictions]") {
    const ModelSpec labels{.multi_label = true, .label_names = {"A"}}, classes{.label_names = {"A", "B"}};
    Scores scores;
    CHECK(selection_metric_name(labels, scores) == "minus the loss");
    CHECK(selection_metric_name(classes, scores) == "minus the loss");
    scores.auroc.mean = scores.auc = 0.5;
    CHECK(selection_metric_name(labels, scores) == "mean AUROC");
    CHECK(selection_metric_name(classes, scores) == "AUC");
}

TEST_CASE("An ensemble is the mean of its models' probabilities", "[predictions]") {
    const ModelSpec spec{.multi_label = true, .label_names = {"A", "B"}};
    Predictions one;
    one.names = {"a", "b"};
    one.probabilities = {0.2F, 0.4F, 0.6F, 0.8F};
    one.targets = {1, 0, -1, 1};
    one.patients = {"p", "q"};
    Predictions other = one;
    other.probabilities = {0.4F, 0.0F, 0.6F, 1.0F};
    const Predictions mean = mean_of_predictions(spec, {one, other});
    const double wanted[] = {0.3, 0.2, 0.6, 0.9};
    for (std::size_t i = 0; i < 4; ++i) CHECK(mean.probabilities[i] == Approx(wanted[i]).epsilon(1e-6));
    CHECK(mean.loss == Approx(-(std::log(0.3) + std::log(0.8) + std::log(0.9)) / 3).epsilon(1e-6));
    CHECK(mean.patients == one.patients);
    CHECK(mean_of_predictions(spec, {one}).probabilities == one.probabilities);
    other.names[1] = "c";
    CHECK_THROWS_AS(mean_of_predictions(spec, {one, other}), InputError);

    const ModelSpec classes{.label_names = {"A", "B"}};
    one.labels = {1, 0};
    one.targets.clear();
    CHECK(loss_of_probabilities(classes, one) == Approx(-(std::log(0.4) + std::log(0.6)) / 2).epsilon(1e-6));
    one.probabilities[1] = 0;
    CHECK(std::isfinite(loss_of_probabilities(classes, one)));
}
