// Losses over dense logits [n, classes], with their gradients. Sums run in double, in a fixed order.
// T is float (dispatched by ISA) or double (the reference). Predictions are prediction.h.
#pragma once

#include <cstdint>

namespace keel::kernels {

struct LossGeometry {
    std::int64_t n, classes;
};

/// Softmax cross-entropy with label smoothing s: target q = (1 - s) * onehot + s / classes; returns the mean of
/// -sum_k q_k * log p_k over the rows whose label is known, 0 if there are none. Writes p = softmax(logits) to
/// `probabilities`. labels[i] in [0, classes), which the caller checks, or below 0: not known.
/// logits == probabilities is allowed.
template <class T>
double softmax_cross_entropy_forward(const LossGeometry& g, const T* logits, const std::int32_t* labels,
                                     double smoothing, T* probabilities);

/// diff_logits = scale * (p - q) / known rows, 0 in the rows that are not known.
template <class T>
void softmax_cross_entropy_backward(const LossGeometry& g, const T* probabilities, const std::int32_t* labels,
                                    double smoothing, double scale, T* diff_logits);

/// Likewise against soft targets t [n, classes] (mixup, distillation): q = (1 - s) * t + s / classes. A row whose first
/// target is below 0 is not known. One-hot rows give the bits that their labels give.
template <class T>
double soft_cross_entropy_forward(const LossGeometry& g, const T* logits, const float* targets, double smoothing,
                                  T* probabilities);

/// diff_logits = scale * (p * sum_k q_k - q) / known rows, 0 in the rows that are not known.
template <class T>
void soft_cross_entropy_backward(const LossGeometry& g, const T* probabilities, const float* targets, double smoothing,
                                 double scale, T* diff_logits);

/// Sigmoid binary cross-entropy of x = logits, t = targets in [0, 1], w = positive_weights (null: all 1):
///   l = (1 - t) * x + (1 + (w - 1) * t) * log(1 + exp(-x))     (stable for large |x|; PyTorch's BCEWithLogitsLoss)
/// A target below 0 is a missing label: it adds nothing. Returns the mean over the labels present, 0 if there are none.
template <class T>
double sigmoid_bce_forward(const LossGeometry& g, const T* logits, const float* targets, const float* positive_weights);

/// diff_logits = scale / present * dl/dx, 0 for missing labels.
template <class T>
void sigmoid_bce_backward(const LossGeometry& g, const T* logits, const float* targets, const float* positive_weights,
                          double scale, T* diff_logits);

}  // namespace keel::kernels
