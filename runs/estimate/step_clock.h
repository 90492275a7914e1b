// The times between a trainer's steps, epochs and saves, and when they are enough.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "runs/energy/energy_meter.h"
#include "train/observer.h"

namespace keel {

class StepClock final : public TrainObserver {
public:
    using Now = std::function<double()>;

    /// The first `unsettled` steps do not count; it asks to stop once the others have taken `seconds` and are four at
    /// least, or `most` of them are done. `now` gives seconds.
    StepClock(int unsettled, std::int64_t most, double seconds, EnergyMeter* meter = nullptr, Now now = seconds_now);

    void on_start(const TrainStart&) override { mark_ = now_(); }
    void on_step(const StepReport& report) override;
    void on_epoch(const EpochReport&) override;
    void on_checkpoint(const CheckpointReport&) override;
    void on_end() override { mark_ = ended_ = now_(); }
    std::optional<StopRequest> should_stop(double) override;

    /// Seconds of the steps that count, one after the other, without those that begin an epoch.
    const std::vector<double>& steps() const { return steps_; }
    /// What the first steps took more than as many of the others; at least 0.
    double first_steps() const;
    /// From the begin of an epoch, or of the run, until its first step has its images: means over those that were seen,
    /// at least 0.
    double epoch_begin() const;
    double save() const;
    /// Of the steps that count, watts; 0 without a meter.
    double watts() const { return watts_; }

    static double seconds_now();

private:
    Now now_;
    int unsettled_;
    std::int64_t most_;
    double seconds_;
    EnergyMeter* meter_;
    double mark_ = 0, ended_ = 0, settled_at_ = 0, joules_before_ = 0, watts_ = 0;
    bool begins_ = true;  // the next step is the first of an epoch
    std::int64_t done_ = 0;
    std::vector<double> steps_, early_, begins_seen_, saves_;
};

}  // namespace keel
