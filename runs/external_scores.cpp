#include "runs/external_scores.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "data/formats/csv.h"
#include "engine/metrics.h"
#include "kernels/error.h"

namespace keel {

JoinedScores join_scores(ScoreTable table, std::vector<NihRow> rows, std::size_t labels) {
    std::unordered_map<std::string, std::uint64_t> truth;
    for (const NihRow& row : rows) truth.emplace(row.name, row.mask);
    JoinedScores joined;
    for (std::size_t i = 0; i < table.names.size(); ++i) {
        const auto found = truth.find(table.names[i]);
        if (found == truth.end()) {
            joined.without_label.push_back(std::move(table.names[i]));
            continue;
        }
        joined.truth.push_back(found->second);
        const auto from = table.scores.begin() + static_cast<std::ptrdiff_t>(i * labels);
        joined.scores.insert(joined.scores.end(), from, from + static_cast<std::ptrdiff_t>(labels));
        truth.erase(found);
    }
    for (NihRow& row : rows)
        if (truth.contains(row.name)) joined.without_prediction.push_back(std::move(row.name));
    return joined;
}

void keep_listed(std::vector<NihRow>& rows, const std::string& list) {
    std::unordered_set<std::string> listed;
    for (std::string& line : read_lines(list)) listed.insert(std::move(line));
    std::erase_if(rows, [&](const NihRow& row) { return !listed.contains(row.name); });
    if (rows.empty()) throw InputError(fmt::format("[score] {} names no image of the label file", list));
}

std::vector<LabelScore> score_labels(const JoinedScores& joined, const std::vector<std::string>& labels) {
    std::vector<LabelScore> result;
    const auto known = nih_labels();
    for (std::size_t k = 0; k < labels.size(); ++k) {
        const auto bit = std::ranges::find(known, labels[k]) - known.begin();
        std::vector<double> scores;
        std::vector<float> targets;
        for (std::size_t i = 0; i < joined.truth.size(); ++i) {
            scores.push_back(joined.scores[i * labels.size() + k]);
            targets.push_back(static_cast<float>(joined.truth[i] >> bit & 1U));
        }
        const ScoreCurve curve = score_curve(scores, targets);
        result.push_back({labels[k], curve.positives, curve.negatives, auroc(curve), average_precision(curve),
                          calibration_error(scores, targets), auroc_interval(curve), best_f1(curve)});
    }
    return result;
}

std::optional<double> mean_of(const std::vector<LabelScore>& scores, std::optional<double> LabelScore::*score) {
    RunningMean mean;
    for (const LabelScore& s : scores)
        if (s.*score) mean.add(*(s.*score));
    return mean.weight() > 0 ? std::optional(mean.mean()) : std::nullopt;
}

}  // namespace keel
