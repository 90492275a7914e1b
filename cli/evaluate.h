// A model over a split: predictions, and the scores that follow from them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/output.h"
#include "data/pipeline/loader.h"
#include "embed/pictures.h"
#include "engine/metrics.h"
#include "embed/predictor.h"

namespace keel::cli {

/// Rows are samples in the split's order, bad pictures left out.
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

/// The loss that training minimises: softmax or sigmoid cross-entropy, by the task.
Tensor loss_of(const ModelSpec& spec, const Tensor& logits, const Batch& batch, double label_smoothing = 0,
               const Tensor& positive_weights = {});

/// Feeds `options.split` to the model. Throws InputError if a prediction is NaN.
Predictions evaluate(const Predictor& model, const Dataset& dataset, const LoaderOptions& options,
                     const std::function<void(std::int64_t done, std::int64_t total)>& progress = {});

/// The same, but none as soon as `stop` says so between two batches.
std::optional<Predictions> evaluate_unless(const std::function<bool()>& stop, const Predictor& model, const Dataset& dataset,
                                           const LoaderOptions& options,
                                           const std::function<void(std::int64_t done, std::int64_t total)>& progress = {});

Scores score(const ModelSpec& spec, const Predictions& predictions);

/// What a model is chosen by, the higher the better: mean AUROC (labels) or AUC (classes); where it is undefined, minus the loss.
double selection_metric(const ModelSpec& spec, const Predictions& predictions, const Scores& scores);

/// The contract's object: samples, loss, and auroc {LABEL: value, ..., "mean": value} or accuracy and auc; undefined is null.
Json to_json(const ModelSpec& spec, const Predictions& predictions, const Scores& scores);
/// The same as a table for people.
std::string to_text(const ModelSpec& spec, const Predictions& predictions, const Scores& scores);

/// Throws InputError unless the data set's task and labels are those the model was trained for.
void require_same_labels(const ModelSpec& spec, const Dataset& dataset, const std::string& checkpoint);

}  // namespace keel::cli
