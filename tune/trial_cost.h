// What trials cost before they have run.
#pragma once

#include <functional>

#include "train/train_config.h"

namespace keel::tune {

/// Returns a function that says what an epoch of a configuration costs, in multiply-accumulates of an image: of use
/// beside other configurations of the same data alone. Models are counted once each; one that cannot be made costs 1.
std::function<double(const TrainConfig&)> epoch_cost();

}  // namespace keel::tune
