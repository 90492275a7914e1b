// What keel scale says: the step, the machine and the runs that follow from them, for people and programs.
#pragma once

#include <string>
#include <vector>

#include "engine/json.h"
#include "train/scale_machine.h"
#include "train/step_profile.h"
#include "train/trace_steps.h"

namespace keel {

struct ScaleQuestion {
    StepMeasurement step;  ///< which was measured
    ScaleMachine machine;
    std::vector<int> nodes;
    std::string precision = "f32", wire = "f32";  ///< of the computation; of gradients in messages: f32, bf16
    double modelled = 0;  ///< seconds of a step on machine.processor, by model_processor(); 0: none
    bool overlap = true, skew_given = false;
    int simulated = 200;  ///< steps
};

/// Models a step of a rank on the machine's processor in the question's precision, where one is named; else makes the
/// measurement one of bf16, where that is asked for, nothing says how long ranks take, and this processor multiplies
/// bf16. Throws what model_speed() does.
void settle_precision(ScaleQuestion& question, bool traced);

/// Returns the profile of the machine's ranks: as long as the traces say and with their ranks' differences, where there
/// are any; else as measured here; scaled to the modelled seconds, or to the images a second and the precision. Throws
/// UsageError for bf16 on a machine of which nobody knows how much faster that is.
StepProfile scaled_profile(const StepProfile& measured, std::vector<TracedRanks> traces, const ScaleQuestion& question);

/// Returns what is assumed, and a point for each number of nodes.
Json scale_report(const StepProfile& profile, const ScaleQuestion& question);

/// Returns a report as text: the assumptions, then a table.
std::string scale_text(const Json& report);

}  // namespace keel
