// What a student loses for saying other than its teachers, and for looking elsewhere.
#pragma once

#include <span>
#include <vector>

#include "engine/tensor.h"

namespace keel {

/// Returns the mean over the rows i, of weight weights[i] (empty: 1), of
///   classes:  T^2 * sum_k q_k (log q_k - log p_k),  p = softmax(logits_i / T), q the mean of the teachers' softmax(z /
///   T) labels:   T^2 * the mean over k of the same of the two outcomes of label k, with sigmoids in place of softmax
/// (Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015). `teachers` {n, m * labels}, f32,
/// are the logits of m teachers, one behind the other. A scalar {1} in the type of `logits`, made in double; gradients
/// flow to the logits. Throws UsageError for dims that do not fit and a temperature that is not above 0.
Tensor distillation_loss(const Tensor& logits, const Tensor& teachers, std::span<const float> weights, bool classes,
                         double temperature);

/// Returns the attention of a map {n, h, w, c}: the sum over c of its squares, divided by its norm over the h x w
/// pixels (a map of zeros stays zeros), {n, h * w} in double (Zagoruyko and Komodakis, "Paying more attention to
/// attention", ICLR 2017).
std::vector<double> attention_of(const Tensor& map);

/// Returns the mean over the rows, weighted as above, of the squared distance of the map's attention and the
/// teacher's, {n, h * w} of h x w pixels, which the larger of the two grids is averaged to in areas. A scalar {1} in
/// the type of the map's parameters; gradients flow to the map.
Tensor attention_loss(const Tensor& map, std::span<const float> teacher, std::int64_t h, std::int64_t w,
                      std::span<const float> weights);

}  // namespace keel
