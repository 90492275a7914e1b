// What a model says about each sample of a split, and the scores that follow from it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
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

    std::vector<std::int64_t> indices{};         ///< {samples}, into Dataset::samples(split); empty where nobody knows
    std::vector<std::string> patients{};         ///< {samples}: whose image it is, "" where that is not known; or empty
    std::vector<std::string> attribute_names{};  ///< Dataset::attribute_names()
    std::vector<std::string> attributes{};       ///< {samples, attribute_names}

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

/// Returns the name of what selection_metric() returns: "mean AUROC", "AUC" or "minus the loss".
std::string selection_metric_name(const ModelSpec& spec, const Scores& scores);

/// One label's scores, and targets as score_curve() takes them (1, 0, -1 unknown); of classes one against the rest.
struct LabelColumn {
    std::vector<double> scores;
    std::vector<float> targets;
};
LabelColumn label_column(bool multi_label, const Predictions& predictions, std::size_t labels, std::size_t label);

/// Fills in whose images the samples are, and their attributes, by their indices.
void describe_samples(Predictions& predictions, const Dataset& dataset, Split split);

/// Returns the loss of probabilities, in double: the mean over the samples of -log p of the class, or over the labels
/// that are known of binary cross-entropy. A p of 0 counts as the smallest float.
double loss_of_probabilities(const ModelSpec& spec, const Predictions& predictions);

/// Returns the predictions of several models together: the mean of their probabilities, in double, and its loss; what
/// else there is is the first one's. `all` is not empty. Throws InputError unless they are of the same samples.
Predictions mean_of_predictions(const ModelSpec& spec, const std::vector<Predictions>& all);

/// Replaces the probabilities by calibrated ones, and the loss by theirs. Throws UsageError if the model has no
/// calibration.
void calibrate(const ModelSpec& spec, Predictions& predictions);

}  // namespace keel
