// Whether the splits that a model is scored on are those that it was trained with.
#pragma once

#include <map>
#include <string>

#include "data/dataset.h"

namespace keel {

/// Returns what a user must know where `dataset` is the very set that a checkpoint was trained on, opened as
/// `data`, but divided otherwise, so that scores may be made on samples that the model has learnt: which options
/// differ. Empty where all is well, and where nobody can tell: for other data, and for checkpoints without a run's
/// state.
std::string split_warning(const std::map<std::string, std::string>& metadata, const std::string& file,
                          const std::string& data, const DatasetOptions& options, const Dataset& dataset);

}  // namespace keel
