// Scores of a model's predictions. All arithmetic is in double. Matrices are row-major, {samples, labels} or {samples,
// classes}.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace keel {

/// Area under the ROC curve, see engine/score_curve.h. Throws InputError for a NaN score, UsageError if the sizes
/// differ.
std::optional<double> auroc(std::span<const float> scores, std::span<const float> targets);

struct LabelAuroc {
    std::vector<std::optional<double>> per_label;
    std::optional<double> mean;  ///< over the labels that are defined; empty if none is
};

/// `auroc` of every column. Scores may be logits or probabilities: only their order counts.
LabelAuroc label_auroc(std::span<const float> scores, std::span<const float> targets, std::int64_t labels);

/// The share of samples whose highest score (the first of equals) is that of their class; 0 for no samples. Throws
/// InputError for a NaN score or a class out of range.
double accuracy(std::span<const float> scores, std::span<const std::int32_t> classes_of, std::int64_t classes);

/// AUC as MedMNIST's evaluator defines it (Yang et al. 2023). Two classes: AUROC of class 1's probability; more: the
/// mean over the classes of one against the rest, over those that are defined. Wants probabilities (softmax), since
/// rows are compared.
std::optional<double> class_auc(std::span<const float> probabilities, std::span<const std::int32_t> classes_of,
                                std::int64_t classes);

/// A weighted mean, e.g. of batch losses weighted by batch size.
class RunningMean {
public:
    void add(double value, double weight = 1) {
        sum_ += value * weight;
        weight_ += weight;
    }
    double weight() const { return weight_; }
    /// 0 before the first value.
    double mean() const { return weight_ > 0 ? sum_ / weight_ : 0; }

private:
    double sum_ = 0, weight_ = 0;
};

}  // namespace keel
