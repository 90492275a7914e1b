#include "train/epoch_verdict.h"

namespace keel {

EpochVerdict judge_epoch(const TrainerState& before, const ScheduleOptions& schedule, std::optional<double> metric,
                         bool whole_epoch) {
    EpochVerdict verdict{false, before.best_metric, before.epochs_since_best, before.plateau};
    if (!metric) return verdict;
    verdict.best = !before.best_metric || *metric > *before.best_metric;
    if (verdict.best) verdict.best_metric = metric;
    if (!whole_epoch) return verdict;
    verdict.epochs_since_best = verdict.best ? 0 : before.epochs_since_best + 1;
    if (schedule.kind == ScheduleKind::plateau) verdict.plateau = observe(schedule, before.plateau, *metric);
    return verdict;
}

}  // namespace keel
