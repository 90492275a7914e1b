// The options of a run that learns from other models (train/distillation.h).
#pragma once

#include <vector>

#include "train/option.h"
#include "train/train_config.h"

namespace keel {

/// Returns their rows of train_options().
std::vector<Option<TrainConfig>> teacher_options();

}  // namespace keel
