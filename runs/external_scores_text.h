// Scores of anybody's predictions, for people and programs.
#pragma once

#include <string>
#include <vector>

#include "engine/json.h"
#include "runs/external_scores.h"

namespace keel {

inline constexpr std::size_t kNamedImages = 10;  ///< of those that only one side has

/// {"samples", "auroc": {LABEL: X, ..., "mean": X}, "average_precision", "calibration_error", "auroc_interval",
/// "best_f1", "positives", "without_label": {"count", "names"}, "without_prediction"}; null where undefined.
Json external_scores_json(const JoinedScores& joined, const std::vector<LabelScore>& scores);

/// Returns the scores as a table.
std::string external_scores_text(const JoinedScores& joined, const std::vector<LabelScore>& scores);

}  // namespace keel
