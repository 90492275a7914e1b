// What a run's predictions are worth, label by label.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runs/report/run_data.h"

namespace keel::report {

/// What one label's predictions are worth. NaN where it is undefined.
struct LabelScore {
    std::string label;
    std::int64_t positives = 0, samples = 0;
    double auroc, low, high;  ///< DeLong's 95 % interval
    double average_precision;
};
std::vector<LabelScore> label_scores(const StoredPredictions& stored);

/// "Validation split: 10 % of the patients left, seed 0."; how it was made is left out where the run does not say.
std::string validation_text(const RunData& run);

/// The table of all labels and the curves of each.
std::string scores_html(const RunData& run);

/// The confusion matrix of classes.
std::string confusion_html(const StoredPredictions& stored);

}  // namespace keel::report
