#include "train/run_course.h"

#include <algorithm>
#include <limits>

#include "train/train_state.h"

namespace keel {

std::int64_t visited_in_epoch(const TrainConfig& config, std::int64_t samples, int ranks) {
    return config.sampler == "independent" ? samples / ranks * ranks : samples;
}

RunCourse::RunCourse(const TrainConfig& config, std::int64_t samples, StepSize began, StepSize now)
    : samples_(samples),
      visited_(visited_in_epoch(config, samples, now.ranks)),
      epochs_(config.epochs),
      max_steps_(config.max_steps),
      began_(began),
      now_(now) {
    const std::int64_t visited = std::max<std::int64_t>(1, visited_in_epoch(config, samples, began.ranks));
    first_epoch_steps_ = (visited + began.images() - 1) / began.images();
}

std::int64_t RunCourse::position(const TrainerState& state) const {
    return std::min(state.epoch, epochs_) * samples_ + std::min(state.sample_offset, samples_);
}

std::int64_t RunCourse::position_of_step(std::int64_t step) const {
    const std::int64_t epochs = step / first_epoch_steps_;
    if (epochs >= std::numeric_limits<std::int64_t>::max() / samples_) return std::numeric_limits<std::int64_t>::max();
    return epochs * samples_ + step % first_epoch_steps_ * began_.images();
}

std::int64_t RunCourse::end() const {
    const std::int64_t all = epochs_ * samples_;
    return max_steps_ > 0 ? std::min(all, position_of_step(max_steps_)) : all;
}

bool RunCourse::out_of_steps(const TrainerState& state) const {
    if (max_steps_ == 0) return false;
    return state.steps_vary ? position(state) >= end() : state.step >= max_steps_;
}

std::int64_t RunCourse::steps_left(const TrainerState& state) const {
    const std::int64_t until = end(), at = position(state);
    if (at >= until) return 0;
    const std::int64_t epoch = at / samples_, last = until / samples_;
    if (epoch == last) return steps_in(until - at);
    const std::int64_t of_this = steps_in(std::max<std::int64_t>(0, visited_ - at % samples_));
    return of_this + (last - epoch - 1) * steps_in(visited_) + steps_in(std::min(until % samples_, visited_));
}

double RunCourse::ranks_by_images() const {
    return static_cast<double>(now_.images()) / static_cast<double>(began_.batch);
}

ScheduleOptions RunCourse::schedule(const TrainConfig& config) const {
    ScheduleOptions schedule = make_schedule(config, ranks_by_images());
    schedule.warmup_steps = config.warmup_steps > 0 ? position_of_step(config.warmup_steps) : 0;
    schedule.warmup_begin = std::min(began_.images(), samples_);
    return schedule;
}

SchedulePoint RunCourse::epoch_start(const TrainerState& state) const {
    return {std::min(state.epoch, epochs_) * samples_, end(), samples_};
}

}  // namespace keel
