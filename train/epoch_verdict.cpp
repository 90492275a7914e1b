#include "train/epoch_verdict.h"

#include <algorithm>

namespace keel {

EpochVerdict judge_epoch(const TrainerState& before, const ScheduleOptions& schedule, std::optional<double> metric,
                         bool whole_epoch) {
    EpochVerdict verdict{false, before.best_metric, before.epochs_since_best, before.judged_epochs, before.plateau};
    if (!metric) return verdict;
    verdict.best = !before.best_metric || *metric > *before.best_metric;
    if (verdict.best) verdict.best_metric = metric;
    if (!whole_epoch) return verdict;
    verdict.judged_epochs = before.epoch + 1;
    const std::int64_t epochs = std::max<std::int64_t>(1, verdict.judged_epochs - before.judged_epochs);
    verdict.epochs_since_best = verdict.best ? 0 : static_cast<int>(before.epochs_since_best + epochs);
    if (schedule.kind == ScheduleKind::plateau) verdict.plateau = observe(schedule, before.plateau, *metric, epochs);
    return verdict;
}

}  // namespace keel
