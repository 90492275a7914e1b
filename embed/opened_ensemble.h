// The files of several models that are asked together: their probabilities are averaged (Lakshminarayanan, Pritzel and
// Blundell, NIPS 2017).
#pragma once

#include <string>
#include <vector>

#include "data/dataset.h"
#include "embed/loaded_model.h"

namespace keel {

/// Returns what the checkpoints say of their models, in their order. Weights of another program, which do not say what
/// their outputs are, take over the labels of `scored_on` in their order, if there is such a data set and it has as
/// many. Throws UsageError for none, InputError unless all have the same task and labels.
std::vector<ModelSpec> read_ensemble(const std::vector<std::string>& checkpoints, const Dataset* scored_on = nullptr);
/// The same with what was read: what load_predictor() and evaluate_ensemble() take.
std::vector<OpenedModel> open_ensemble(const std::vector<std::string>& checkpoints, const Dataset* scored_on = nullptr);

/// Throws InputError unless two models, of an ensemble, have the same task and labels; names both checkpoints.
void require_same_labels(const ModelSpec& a, const std::string& a_file, const ModelSpec& b, const std::string& b_file);

}  // namespace keel
