// Scores of a model for people and programs.
#pragma once

#include <string>

#include "engine/json.h"
#include "train/predictions.h"

namespace keel {

/// Returns the contract's object: samples, loss, and auroc {LABEL: value, ..., "mean": value} or accuracy and auc;
/// undefined is null.
Json to_json(const ModelSpec& spec, const Predictions& predictions, const Scores& scores);

/// Returns the scores as a table.
std::string to_text(const ModelSpec& spec, const Predictions& predictions, const Scores& scores);

}  // namespace keel
