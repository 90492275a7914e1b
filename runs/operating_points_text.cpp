#include "runs/operating_points_text.h"

#include <fmt/format.h>

#include <vector>

#include "engine/text.h"

namespace keel {

Json operating_points_json(const ModelSpec& spec, const OperatingPoints& points) {
    Json rules = Json::object();
    for (const auto& [rule, of_labels] : points.rules)
        for (std::size_t k = 0; k < of_labels.size(); ++k)
            rules[rule][spec.label_names[k]] = of_labels[k] ? Json{{"threshold", of_labels[k]->threshold},
                                                                   {"sensitivity", of_labels[k]->sensitivity},
                                                                   {"specificity", of_labels[k]->specificity}}
                                                            : Json(nullptr);
    Json json{{"chosen", points.chosen},
              {"split", points.split},
              {"least_sensitivity", points.least_sensitivity},
              {"rules", std::move(rules)}};
    if (points.calibration)
        for (std::size_t k = 0; k < spec.label_names.size(); ++k)
            json["calibration"][points.calibration->method][spec.label_names[k]] = {
                {"slope", points.calibration->slopes[k]}, {"offset", points.calibration->offsets[k]}};
    return json;
}

std::string operating_points_text(const ModelSpec& spec, const OperatingPoints& points) {
    std::vector<std::vector<std::string>> rows{{points.chosen, "threshold", "sensitivity", "specificity"}};
    if (points.calibration) rows[0].insert(rows[0].end(), {"slope", "offset"});
    const auto& chosen = points_of(points, "");
    for (std::size_t k = 0; k < chosen.size(); ++k) {
        rows.push_back({spec.label_names[k]});
        if (chosen[k])
            for (const double value : {chosen[k]->threshold, chosen[k]->sensitivity, chosen[k]->specificity})
                rows.back().push_back(fmt::format("{:.4f}", value));
        else
            rows.back().insert(rows.back().end(), {"none", "-", "-"});
        if (points.calibration)
            for (const double value : {points.calibration->slopes[k], points.calibration->offsets[k]})
                rows.back().push_back(fmt::format("{:.4f}", value));
    }
    return format_table(rows);
}

}  // namespace keel
