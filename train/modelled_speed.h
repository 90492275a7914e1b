// A model, not a measurement: how fast a model would train or answer on a processor that is not at hand. The work is
// that of a step which is recorded here.
#pragma once

#include <string>

#include "engine/speed/node.h"
#include "engine/speed/speed_model.h"
#include "train/step_timing.h"

namespace keel {

struct SpeedQuestion {
    StepTimingOptions timing;
    std::string node;          ///< one of speed::node_names()
    std::int64_t threads = 0;  ///< on it; 0: as many as it has cores
};

struct ModelledSpeed {
    speed::Node node;
    speed::ModelOptions options;
    std::string precision;  ///< f32, bf16 or int8
    speed::ModelledStep step;
    double step_measured = 0;  ///< seconds of the fastest step; 0: of another node than this machine
};

/// Takes a step, or of this machine as many as `timing` says, and models it. More than 16 images of another node are
/// drawn from steps of 12 and 16. Throws UsageError for what time_steps() and speed::node_named() refuse, and for bf16
/// in the mode int8.
ModelledSpeed model_speed(const SpeedQuestion& question, World& world);

}  // namespace keel
