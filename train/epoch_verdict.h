// What a validation means for a run: whether it is the best, how long since, and what the learning rate makes of it.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/schedule.h"
#include "train/trainer_state.h"

namespace keel {

struct EpochVerdict {
    bool best = false;
    std::optional<double> best_metric;
    int epochs_since_best = 0;
    std::int64_t judged_epochs = 0;
    PlateauState plateau;
};

/// Returns what becomes of `before`, at the end of whose current epoch a validation gave that metric, the higher the
/// better; none: the epoch was not validated. Patience and plateau count whole epochs, those without a validation, too:
/// a validation speaks for all since the one before it. A pure function.
EpochVerdict judge_epoch(const TrainerState& before, const ScheduleOptions& schedule, std::optional<double> metric,
                         bool whole_epoch);

}  // namespace keel
