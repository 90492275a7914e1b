#include "runs/image_scores_text.h"

#include <fmt/format.h>

#include <utility>

#include "engine/text.h"

namespace keel {
namespace {

std::string call_text(const std::optional<bool>& call) { return !call ? "-" : *call ? "yes" : "no"; }

/// {"rule", "thresholds": {LABEL: X, ...}}, null where no threshold was measured.
Json operating_point(const ImageScorer& scorer) {
    if (scorer.rule().empty()) return nullptr;
    Json thresholds = Json::object();
    for (std::size_t k = 0; k < scorer.thresholds().size(); ++k)
        thresholds[scorer.spec().label_names[k]] =
            scorer.thresholds()[k] ? Json(*scorer.thresholds()[k]) : Json(nullptr);
    return {{"rule", scorer.rule()}, {"thresholds", std::move(thresholds)}};
}

}  // namespace

Json predictions_json(const std::vector<ScoredImage>& predictions, const ImageScorer& scorer) {
    const auto& labels = scorer.spec().label_names;
    Json images = Json::array();
    for (const ScoredImage& prediction : predictions) {
        Json by_label = Json::object(), calls = Json::object();
        for (std::size_t k = 0; k < labels.size(); ++k) by_label[labels[k]] = prediction.scores[k];
        images.push_back({{"path", prediction.path}, {"scores", std::move(by_label)}});
        for (std::size_t k = 0; k < prediction.calls.size(); ++k)
            calls[labels[k]] = prediction.calls[k] ? Json(*prediction.calls[k]) : Json(nullptr);
        if (!prediction.calls.empty()) images.back()["calls"] = std::move(calls);
        if (!prediction.heatmaps.is_null()) images.back()["heatmaps"] = prediction.heatmaps;
        if (!prediction.dicom.empty()) images.back()["dicom"] = prediction.dicom;
    }
    Json result{{"images", std::move(images)}, {"precision", scorer.precision()}};
    if (const Json point = operating_point(scorer); !point.is_null()) result["operating_point"] = point;
    return result;
}

std::string predictions_table(const std::vector<ScoredImage>& predictions, const std::vector<std::string>& labels) {
    if (predictions.size() == 1) {
        const ScoredImage& only = predictions.front();
        std::vector<std::vector<std::string>> column{{"image", only.path}};
        for (std::size_t k = 0; k < labels.size(); ++k) {
            column.push_back({labels[k], fmt::format("{:.4f}", only.scores[k])});
            if (!only.calls.empty()) column.back().push_back(call_text(only.calls[k]));
        }
        return format_table(column);
    }
    std::vector<std::vector<std::string>> rows{{"image"}};
    rows[0].insert(rows[0].end(), labels.begin(), labels.end());
    for (const ScoredImage& prediction : predictions) {
        rows.push_back({prediction.path});
        for (std::size_t k = 0; k < labels.size(); ++k)
            rows.back().push_back(prediction.calls.empty()
                                      ? fmt::format("{:.4f}", prediction.scores[k])
                                      : fmt::format("{:.4f} {}", prediction.scores[k], call_text(prediction.calls[k])));
    }
    return format_table(rows);
}

}  // namespace keel
