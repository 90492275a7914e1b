#include "runs/score_text.h"

#include <fmt/format.h>

#include "engine/text.h"
#include "runs/undefined.h"

namespace keel {
Json to_json(const ModelSpec& spec, const Predictions& predictions, const Scores& scores) {
    Json json{{"samples", predictions.samples()}};
    if (spec.multi_label) {
        for (std::size_t i = 0; i < spec.label_names.size(); ++i)
            json["auroc"][spec.label_names[i]] = number(scores.auroc.per_label[i]);
        json["auroc"]["mean"] = number(scores.auroc.mean);
    } else {
        json["accuracy"] = scores.accuracy;
        json["auc"] = number(scores.auc);
    }
    json["loss"] = predictions.loss;
    return json;
}

std::string to_text(const ModelSpec& spec, const Predictions& predictions, const Scores& scores) {
    std::vector<std::vector<std::string>> rows;
    if (spec.multi_label) {
        rows.push_back({"label", "AUROC"});
        for (std::size_t i = 0; i < spec.label_names.size(); ++i)
            rows.push_back({spec.label_names[i], cell(scores.auroc.per_label[i])});
        rows.push_back({"mean", cell(scores.auroc.mean)});
    } else {
        rows = {{"score", "value"}, {"accuracy", cell(scores.accuracy)}, {"AUC", cell(scores.auc)}};
    }
    rows.push_back({"loss", cell(predictions.loss)});
    rows.push_back({"samples", std::to_string(predictions.samples())});
    return format_table(rows);
}

}  // namespace keel
