// Some real steps of a run, its input, its validation and its checkpoint, measured before the run.
#pragma once

#include <functional>
#include <string>

#include "distributed/world.h"
#include "runs/estimate/run_estimate.h"

namespace keel {

struct MeasureOptions {
    double seconds = 20;  ///< that steps take at least; the rest takes about as long again
    std::function<void(const std::string&)> on_phase{};  ///< hears what is measured next
};

/// Trains some steps as the run would and forgets them: the same data, weights and ranks. A checkpoint is written
/// beside config.out, or in the folder for temporary files where there is none, and removed. Of a run that does not fit
/// into memory steps of fewer images are measured; where not one fits, none (`steps` is empty then). Teachers whose
/// answers the run would keep are asked about some images alone. All ranks call it together. Throws what Trainer does.
RunFacts measure_run(const TrainConfig& config, World& world, const MeasureOptions& options);

}  // namespace keel
