#include "runs/score_text.h"

#include "engine/json.h"
#include "tests/support/catch.h"

using namespace keel;

namespace {

Predictions three_samples() {
    Predictions predictions;
    predictions.names = {"a", "b", "c"};
    predictions.loss = 0.25;
    return predictions;
}

}  // namespace

TEST_CASE("Scores of labels: each AUROC and their mean, null and a word where it is undefined", "[score_text]") {
    ModelSpec spec;
    spec.multi_label = true;
    spec.label_names = {"Mass", "Hernia"};
    Scores scores;
    scores.auroc = {{0.75, std::nullopt}, 0.75};
    const Json json = to_json(spec, three_samples(), scores);
    CHECK(json_text(json) == R"({"samples":3,"auroc":{"Mass":0.75,"Hernia":null,"mean":0.75},"loss":0.25})");
    CHECK(to_text(spec, three_samples(), scores) ==
          "label        AUROC\n"
          "Mass        0.7500\n"
          "Hernia   undefined\n"
          "mean        0.7500\n"
          "loss        0.2500\n"
          "samples          3\n");
}

TEST_CASE("Scores of classes: accuracy and AUC", "[score_text]") {
    ModelSpec spec;
    spec.label_names = {"cat", "dog"};
    Scores scores;
    scores.accuracy = 0.5;
    CHECK(json_text(to_json(spec, three_samples(), scores)) ==
          R"({"samples":3,"accuracy":0.5,"auc":null,"loss":0.25})");
    scores.auc = 0.625;
    CHECK(to_json(spec, three_samples(), scores).at("auc") == 0.625);
    CHECK(to_text(spec, three_samples(), scores) ==
          "score      value\n"
          "accuracy  0.5000\n"
          "AUC       0.6250\n"
          "loss      0.2500\n"
          "samples        3\n");
}
