// How far a run is on its course, in samples: what of it the learning rate and the end follow does not depend on how
// many ranks there are, or how many images a step has.
#pragma once

#include <cstdint>

#include "engine/schedule.h"
#include "train/train_config.h"
#include "train/trainer_state.h"

namespace keel {

/// Returns how many samples all ranks visit in an epoch of `samples`: every one, unless each rank draws its own.
std::int64_t visited_in_epoch(const TrainConfig& config, std::int64_t samples, int ranks);

/// A run's length and where its steps lie. Pure functions all.
class RunCourse {
public:
    RunCourse() = default;
    /// `samples` of the training split. Options that count steps (max_steps, warmup_steps) mean steps of the size that
    /// the run `began` with; those to come are of the size `now`.
    RunCourse(const TrainConfig& config, std::int64_t samples, StepSize began, StepSize now);

    /// Returns the samples between the run's start and where `state` is.
    std::int64_t position(const TrainerState& state) const;
    /// Returns where the run ends, if nobody stops it: behind its epochs, or before step max_steps.
    std::int64_t end() const;
    /// Returns where step `step` (from 0) began, or would have, were all of the size that the run began with.
    std::int64_t position_of_step(std::int64_t step) const;

    std::int64_t epoch_samples() const { return samples_; }

    /// Whether max_steps are done. Steps are counted as long as all have one size; where they do not, samples are.
    bool out_of_steps(const TrainerState& state) const;
    /// Returns how many steps the run still has, if no image is bad.
    std::int64_t steps_left(const TrainerState& state) const;

    /// Returns the configuration's schedule, in samples; lr_scaling is by how many times as many images a step has as
    /// one rank's had when the run began.
    ScheduleOptions schedule(const TrainConfig& config) const;
    /// Returns how many times as many images a step has as one rank's had when the run began.
    double ranks_by_images() const;
    /// Where the next step is, and where the first step of the epoch under way was, on the schedule.
    SchedulePoint next_step(const TrainerState& state) const { return {position(state), end(), samples_}; }
    SchedulePoint epoch_start(const TrainerState& state) const;

private:
    std::int64_t steps_in(std::int64_t samples) const { return (samples + now_.images() - 1) / now_.images(); }

    std::int64_t samples_ = 0, visited_ = 0;  // of an epoch
    std::int64_t epochs_ = 0, max_steps_ = 0;
    StepSize began_, now_;
    std::int64_t first_epoch_steps_ = 0;  // of the size that the run began with
};

}  // namespace keel
