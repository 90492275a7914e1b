#include "runs/score_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

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

Json to_json(const ScoreOrigin& origin) {
    Json json{{"split", origin.split}, {"checkpoints", origin.checkpoints}};
    if (!origin.way.empty()) json["origin"] = origin.way;
    if (!origin.views.empty()) json["views"] = origin.views;
    json["precision"] = origin.precision;
    if (origin.calibrated) json["calibrated"] = true;
    return json;
}

std::string to_text(const ScoreOrigin& origin) {
    std::string text = fmt::format("{} split of {}{}", origin.split, origin.data,
                                   origin.way.empty() ? "" : fmt::format(" ({})", origin.way));
    if (origin.checkpoints.size() > 1)
        text += fmt::format("\nmean of {} models: {}", origin.checkpoints.size(), fmt::join(origin.checkpoints, ", "));
    if (!origin.views.empty()) text += fmt::format("\n{}", origin.views);
    if (origin.precision != "f32") text += fmt::format("\ncomputed in {}", origin.precision);
    return text + (origin.calibrated ? "\ncalibrated\n" : "\n");
}

}  // namespace keel
