// Scores of a model for people and programs.
#pragma once

#include <string>
#include <vector>

#include "engine/json.h"
#include "train/predictions.h"

namespace keel {

/// Returns the contract's object: samples, loss, and auroc {LABEL: value, ..., "mean": value} or accuracy and auc;
/// undefined is null.
Json to_json(const ModelSpec& spec, const Predictions& predictions, const Scores& scores);

/// Returns the scores as a table.
std::string to_text(const ModelSpec& spec, const Predictions& predictions, const Scores& scores);

/// How scores came about.
struct ScoreOrigin {
    std::string data, split, way;  ///< way: how the split was made; empty: it was there
    std::vector<std::string> checkpoints;
    std::string views, precision;  ///< views: empty for one
    bool calibrated = false;
};

/// Returns {split, checkpoints, precision} and, where there is something to say, {origin, views, calibrated}.
Json to_json(const ScoreOrigin& origin);

/// Returns the same in lines.
std::string to_text(const ScoreOrigin& origin);

}  // namespace keel
