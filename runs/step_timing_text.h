// What keel bench says of the steps that it timed.
#pragma once

#include <string>

#include "engine/json.h"
#include "train/step_timing.h"

namespace keel {

/// Returns the speed of steps on `ranks` ranks, with the threads, the ISA and the memory of this process.
Json timing_json(const StepTimingOptions& options, const StepSpeed& speed, int ranks);

/// Returns what timing_json() says in a line.
std::string timing_text(const StepTimingOptions& options, const Json& figures);

}  // namespace keel
