#include "runs/step_trace.h"

#include "engine/profile_summary.h"
#include "kernels/profile.h"

namespace keel {
namespace {

constexpr int kFirstSteps = 10;  // GradientBuckets try both ways in eight

}  // namespace

StepTrace::StepTrace(World& world, RunDirectory& directory, int steps)
    : world_(world), directory_(directory), steps_(steps) {}

void StepTrace::on_step(const StepReport&) {
    if (steps_ == 0) return;
    ++done_;
    if (done_ == kFirstSteps) {
        profile::start();
        recording_ = true;
    } else if (done_ == kFirstSteps + steps_) {
        finish();
    }
}

void StepTrace::finish() {
    if (!recording_) return;
    recording_ = false;
    const std::vector<std::string> traces = world_.gather_texts(profile::chrome_trace(profile::stop()));
    directory_.write_trace(world_.is_single() ? traces[0] : profile::joined_traces(traces));
}

}  // namespace keel
