#include "runs/external_scores_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/text.h"
#include "runs/undefined.h"

namespace keel {
namespace {

constexpr std::pair<const char*, std::optional<double> LabelScore::*> kScores[] = {
    {"auroc", &LabelScore::auroc},
    {"average_precision", &LabelScore::average_precision},
    {"calibration_error", &LabelScore::calibration}};

Json one_side(const std::vector<std::string>& names) {
    const auto shown = static_cast<std::ptrdiff_t>(std::min(names.size(), kNamedImages));
    return {{"count", names.size()}, {"names", std::vector<std::string>(names.begin(), names.begin() + shown)}};
}

}  // namespace

Json external_scores_json(const JoinedScores& joined, const std::vector<LabelScore>& scores) {
    Json json{{"samples", joined.samples()}};
    for (const auto& [name, score] : kScores) {
        for (const LabelScore& s : scores) json[name][s.label] = number(s.*score);
        json[name]["mean"] = number(mean_of(scores, score));
    }
    for (const LabelScore& s : scores) {
        json["auroc_interval"][s.label] = s.interval ? Json{s.interval->low, s.interval->high} : Json(nullptr);
        json["best_f1"][s.label] = s.f1 ? Json{{"threshold", s.f1->threshold}, {"f1", s.f1->f1}} : Json(nullptr);
        json["positives"][s.label] = s.positives;
    }
    json["without_label"] = one_side(joined.without_label);
    json["without_prediction"] = one_side(joined.without_prediction);
    return json;
}

std::string external_scores_text(const JoinedScores& joined, const std::vector<LabelScore>& scores) {
    std::vector<std::vector<std::string>> rows{{"label", "positives", "AUROC", "95 % interval", "average precision",
                                                "best F1", "at threshold", "calibration error"}};
    for (const LabelScore& s : scores)
        rows.push_back({s.label, std::to_string(s.positives), cell(s.auroc),
                        s.interval ? fmt::format("{:.4f}-{:.4f}", s.interval->low, s.interval->high) : "undefined",
                        cell(s.average_precision), s.f1 ? cell(s.f1->f1) : "undefined",
                        s.f1 ? fmt::format("{:.4g}", s.f1->threshold) : "undefined", cell(s.calibration)});
    rows.push_back({"mean", "", cell(mean_of(scores, &LabelScore::auroc)), "",
                    cell(mean_of(scores, &LabelScore::average_precision)), "", "",
                    cell(mean_of(scores, &LabelScore::calibration))});
    rows.push_back({"samples", std::to_string(joined.samples())});
    return format_table(rows);
}

}  // namespace keel
