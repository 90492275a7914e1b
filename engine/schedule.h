// Learning rates as a pure function of where the run is; only `plateau` has a state, a plain struct that checkpoints
// hold. Where it says steps, any unit will do that all lengths are in: the trainer counts samples, so that the course
// over epochs is the same for steps of any size.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace keel {

enum class ScheduleKind { constant, step, cosine, plateau };

/// "constant", "step", "cosine" or "plateau"; throws UsageError for another word.
ScheduleKind schedule_kind(const std::string& word);

struct ScheduleOptions {
    ScheduleKind kind = ScheduleKind::constant;
    double lr = 0.1;                ///< after warm-up, before any decay
    double floor = 0;               ///< lowest learning rate of cosine, step and plateau
    std::int64_t warmup_steps = 0;  ///< step s < warmup_steps runs at (s + warmup_begin) / warmup_steps of its rate,
                                    ///< and never above it
    std::int64_t warmup_begin = 1;
    std::vector<std::int64_t>
        milestones{};              ///< step: epochs, ascending, from which on the rate is multiplied by gamma once more
    std::int64_t every = 0;        ///< step: multiply by gamma every so many epochs; 0: milestones alone
    double gamma = 0.1;            ///< step, plateau: the factor
    std::int64_t patience = 10;    ///< plateau: epochs without a better metric that are tolerated
    double threshold = 1e-4;       ///< plateau: the relative change that counts as better
    bool higher_is_better = true;  ///< plateau: of the metric
};

/// Throws UsageError for options out of range.
void check(const ScheduleOptions& options);

/// Where the run is; steps are counted from 0 over the whole run.
struct SchedulePoint {
    std::int64_t step, total_steps, steps_per_epoch;
};

struct PlateauState {
    double scale = 1;  ///< gamma to the power of the decays so far
    bool seen = false;
    double best = 0;  ///< of the metrics seen
    std::int64_t bad_epochs = 0;
    bool operator==(const PlateauState&) const = default;
};

/// The rate of step at.step. Cosine (Loshchilov & Hutter 2017, no restarts) falls from lr at the end of warm-up to
/// floor at total_steps.
double learning_rate(const ScheduleOptions& options, const SchedulePoint& at, const PlateauState& plateau = {});

/// Tells `plateau` of a metric, and how many epochs came since the one before it; a metric that is not finite counts as
/// no better.
PlateauState observe(const ScheduleOptions& options, PlateauState plateau, double metric, std::int64_t epochs = 1);

/// One JSON object that `plateau_from_json` gives back exactly; it throws InputError for anything else.
std::string to_json(const PlateauState& plateau);
PlateauState plateau_from_json(std::string_view json);

}  // namespace keel
