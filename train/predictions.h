// What a model says about each sample of a split, and the scores that follow from it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/metrics.h"
#include "models/model_spec.h"

namespace keel {

/// Rows are samples in the split's order, bad images left out.
struct Predictions {
    std::vector<std::string> names;
    std::vector<float> probabilities;  ///< {samples, labels}
    std::vector<float> targets;        ///< Task::labels: {samples, labels}; else empty
    std::vector<std::int32_t> labels;  ///< Task::classes: {samples}; else empty
    double loss = 0;                   ///< mean over the samples
    std::int64_t samples() const { return static_cast<std::int64_t>(names.size()); }
};

struct Scores {
    LabelAuroc auroc;           ///< Task::labels
    double accuracy = 0;        ///< Task::classes
    std::optional<double> auc;  ///< Task::classes
};

/// Returns the scores of the model's task.
Scores score(const ModelSpec& spec, const Predictions& predictions);

/// Returns what a model is chosen by, the higher the better: mean AUROC (labels) or AUC (classes); where it is
/// undefined, minus the loss.
double selection_metric(const ModelSpec& spec, const Predictions& predictions, const Scores& scores);

}  // namespace keel
