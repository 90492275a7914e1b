#include "tests/runs/made_up_run.h"

#include "engine/json.h"
#include "runs/predictions_file.h"
#include "tests/support/temporary_folder.h"

namespace keel::test {

void write_run(const std::string& path, const std::string& hostile, bool multi_label) {
    const keel::Json text = hostile;
    write_text(path + "/config.toml",
               "model = \"resnet18\"\nlr = 0.5\nout = \"x\"\ndata = " + valid_json_text(text) + "\n");
    Json row{{"epoch", 1},      {"step", 10},      {"lr", 0.1},      {"train_loss", 0.7}, {"images_per_second", 33.0},
             {"seconds", 61.0}, {"bad_images", 2}, {"val_loss", 0.6}};
    if (multi_label) {
        row["val_auroc_mean"] = 0.7;
        row["val_auroc_" + hostile] = 0.7;
    } else {
        row["val_accuracy"] = 0.5;
        row["val_auc"] = nullptr;
    }
    std::string rows = valid_json_text(row) + "\n";
    row["epoch"] = 2;
    row["train_loss"] = 0.4;
    row["val_loss"] = 0.55;
    if (multi_label) row["val_auroc_mean"] = 0.8;
    write_text(path + "/metrics.jsonl", rows + valid_json_text(row) + "\n");
    write_text(path + "/machine.json",
               valid_json_text(keel::Json{{"cpu", hostile}, {"threads", 2}, {"warnings", {hostile}}}));
    write_text(
        path + "/data.json",
        valid_json_text(keel::Json{{"labels", {hostile, "B"}},
                                   {"splits", {{"train", {{"samples", 5}, {"per_label", {3, 2}}}}, {hostile, hostile}}},
                                   {"remarks", {{{"warning", true}, {"text", hostile}}, hostile, {{"text", 7}}}}}));
    ModelSpec spec;
    spec.multi_label = multi_label;
    spec.label_names = {hostile, "B"};
    Predictions p;
    p.names = {hostile, "b.png", "c.png", "d.png", "e.png"};
    p.probabilities = {0.9F, 0.2F, 0.8F, 0.3F, 0.3F, 0.7F, 0.2F, 0.8F, 0.6F, 0.4F};
    if (multi_label)
        p.targets = {0, 1, 1, 0, 0, 1, 1, -1, 1, 0};
    else
        p.labels = {1, 0, 1, 1, 0};
    write_text(path + "/val_predictions.csv", predictions_csv(spec, p));
}

}  // namespace keel::test
