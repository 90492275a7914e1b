// What the folder of a trial's run says of it.
#pragma once

#include <filesystem>
#include <limits>
#include <string>

namespace keel::tune {

struct TrialScore {
    int epochs = 0;                                          ///< that are done
    double best = std::numeric_limits<double>::quiet_NaN();  ///< of the metric, until then
    std::string metric{};                                    ///< its column
};

/// Reads metrics.jsonl of a run up to an epoch. `metric` is a column, or auto: val_auroc_mean where there is one, else
/// val_auc; a loss is the better the smaller it is, all else the larger. Throws UsageError that lists the columns where
/// there is no such one, InputError, IoError.
TrialScore read_trial_score(const std::filesystem::path& run, const std::string& metric, int epochs);

}  // namespace keel::tune
