// What keel bench --model-of says, for people and programs.
#pragma once

#include <string>

#include "engine/json.h"
#include "train/modelled_speed.h"

namespace keel {

/// Returns {is_a_model: true, model_of, processor, assumptions, step_ms, images_per_second, share_of_peak, team_share,
/// kinds [...], layers [...]}. Shares of the peak are of the multiply-adds of the direct sums at the published rate.
/// With what was measured of this machine.
Json modelled_json(const ModelledSpeed& speed, const StepTimingOptions& options);

/// Returns the figures as a line and a table by kind of work, and one by layer if `layers`.
std::string modelled_text(const Json& figures, bool layers);

}  // namespace keel
