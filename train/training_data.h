// The data that a configuration names, as far as training can be of them.
#pragma once

#include <memory>
#include <string>

#include "data/dataset.h"
#include "train/train_config.h"

namespace keel {

/// Opens config.data and checks it. Throws what open_dataset() and check_training_data() do.
std::unique_ptr<Dataset> open_training_data(const TrainConfig& config);

/// Throws InputError, which calls the data `name`, where nothing can be learnt from the training split: it is empty, or
/// it is of classes and fewer than two are among its samples, or none of its labels is known.
void check_training_data(const Dataset& dataset, const std::string& name);

}  // namespace keel
