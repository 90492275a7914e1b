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

/// What steps took, for programs and people; with a profile if `with_profile`. All ranks call it together.
struct TimingReport {
    Json figures;
    std::string text;
};
TimingReport timing_report(StepTimingOptions options, const StepTiming& timing, World& world, bool with_profile);

}  // namespace keel
