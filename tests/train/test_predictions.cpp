#include "train/predictions.h"

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
