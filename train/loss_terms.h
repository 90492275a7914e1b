// Losses that are sums over probabilities: what several of them share. A model's probabilities are the sigmoids of its
// logits where an image has labels, and the softmax of each row where it has one class.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "data/pipeline/batch.h"
#include "engine/tensor.h"

namespace keel {

/// A probability, what it lacks to 1, and both logarithms, each as near as a double has it.
struct Probability {
    double p, rest, log_p, log_rest;
};

/// Returns the probabilities of logits {n, labels}, n * labels of them: of each logit, or with `softmax` of each row.
std::vector<Probability> probabilities_of(const Tensor& logits, bool softmax);

/// A term of a loss, of one probability, and its derivatives by log p and by log(1 - p), the one held while the other
/// moves: where p is near 0 or 1 both stay finite.
struct LossTerm {
    double loss = 0, by_log_p = 0, by_log_rest = 0;
};

/// Returns the gradient of the sum of `terms` by the logits, times `factor`, in the type of `logits`.
Tensor diff_of_terms(const Tensor& logits, const std::vector<Probability>& probabilities,
                     const std::vector<LossTerm>& terms, bool softmax, double factor);

/// Returns what a loss compares with a batch's probabilities, {n, labels}, f32: its soft targets, or its labels as they
/// are, or its classes as distributions; with `label_smoothing` s of a class (1 - s) * target + s / labels. Of a class
/// that is not known a whole row is kUnknownTarget. Throws UsageError where the batch has another size than `logits`.
Tensor targets_of(const Tensor& logits, const Batch& batch, double label_smoothing = 0);

/// Returns how many of the targets count: those that are known, with `softmax` the rows that are.
double known_targets(const Tensor& targets, bool softmax);

/// Returns the sum of term(probability, target, label) over the known targets by their number (known_targets()), a
/// scalar {1}, 0 where there are none. Gradients flow to the logits.
Tensor mean_of_terms(const Tensor& logits, const Tensor& targets, bool softmax,
                     const std::function<LossTerm(const Probability&, double target, std::size_t label)>& term);

}  // namespace keel
