// What losses know of the training split: how often it shows each label, and the weights that even it out.
#pragma once

#include <vector>

#include "data/dataset.h"
#include "train/train_config.h"

namespace keel {

/// Returns the weights of positives, one a label, that the configuration asks for; empty: 1 each. Of labels
/// (positive_weights) they are balancing_weights(); of classes (class_weights) N / (K * n_k), N samples of a known
/// class in K classes, n_k of this one: they make every class weigh the same, and their mean over the samples is 1
/// (King and Zeng, "Logistic regression in rare events data", 2001). Throws UsageError where it asks for those of the
/// other task, or has a sampler that balances as well.
std::vector<float> training_weights(const TrainConfig& config, const Dataset& dataset);

/// Returns the share of positives of each label or class among the samples that a run is shown of which it is known, as
/// its sampler draws them; 0 where none is known.
std::vector<float> positive_shares(const TrainConfig& config, const Dataset& dataset);

}  // namespace keel
