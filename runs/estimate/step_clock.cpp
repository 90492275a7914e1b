#include "runs/estimate/step_clock.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace keel {
namespace {

constexpr std::size_t kFewestSteps = 4;

double mean_seconds(const std::vector<double>& values) {
    return values.empty() ? 0 : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

double StepClock::seconds_now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

StepClock::StepClock(int unsettled, std::int64_t most, double seconds, EnergyMeter* meter, Now now)
    : now_(std::move(now)), unsettled_(unsettled), most_(most), seconds_(seconds), meter_(meter) {}

void StepClock::on_step(const StepReport&) {
    const double at = now_(), took = at - mark_;
    mark_ = at;
    const bool first_of_epoch = std::exchange(begins_, false);
    ++done_;
    if (first_of_epoch)
        begins_seen_.push_back(took);
    else if (done_ <= unsettled_)
        early_.push_back(took);
    else
        steps_.push_back(took);
    if (meter_ == nullptr) return;
    if (done_ <= unsettled_ || (settled_at_ == 0 && done_ > unsettled_)) {
        settled_at_ = at;
        joules_before_ = meter_->read().joules;
    } else if (at > settled_at_) {
        watts_ = (meter_->read().joules - joules_before_) / (at - settled_at_);
    }
}

void StepClock::on_epoch(const EpochReport&) {
    mark_ = now_();
    begins_ = true;
}

void StepClock::on_checkpoint(const CheckpointReport&) {
    const double at = now_();
    saves_.push_back(at - mark_);
    mark_ = at;
}

std::optional<StopRequest> StepClock::should_stop(double) {
    const bool enough = steps_.size() >= kFewestSteps && std::accumulate(steps_.begin(), steps_.end(), 0.0) >= seconds_;
    if (!enough && done_ < most_) return std::nullopt;
    return StopRequest{0, "the end of measuring"};
}

double StepClock::first_steps() const {
    const double step = mean_seconds(steps_);
    const double early = std::accumulate(early_.begin(), early_.end(), 0.0) - step * static_cast<double>(early_.size());
    // The run's very first step compiles and maps; what of it other epochs' first steps take as well is theirs.
    const double first = begins_seen_.empty() ? 0 : begins_seen_.front() - step - epoch_begin();
    return std::max(0.0, early) + std::max(0.0, first);
}

double StepClock::epoch_begin() const {
    if (begins_seen_.empty()) return 0;
    const double step = mean_seconds(steps_);
    const std::size_t from = begins_seen_.size() > 1 ? 1 : 0;
    const double seen = mean_seconds({begins_seen_.begin() + static_cast<std::ptrdiff_t>(from), begins_seen_.end()});
    // Of the first epoch alone nobody knows how much of its first step was the run's begin.
    return from == 0 ? 0 : std::max(0.0, seen - step);
}

double StepClock::save() const { return mean_seconds(saves_); }

}  // namespace keel
