// What logits say, and how far it is from the truth: probabilities, and the losses that an evaluation reports. All in
// double, of portable_math.h, without a variant for an ISA: the same logits give the same bits on every processor.
#pragma once

#include <cstdint>

#include "kernels/loss/loss.h"

namespace keel::kernels {

/// dst = 1 / (1 + exp(-src)), for n elements; rounded to float from within 4 * 2^-53 of it. src == dst is allowed.
void sigmoid(std::int64_t n, const float* src, float* dst);

/// dst = softmax(src) over the classes of each row; rounded to float from within (2000 + classes) * 2^-53 of it.
/// src == dst is allowed.
void softmax(const LossGeometry& g, const float* src, float* dst);

/// The mean over n of -log softmax(logits)[label], as softmax_cross_entropy_forward has it without smoothing. labels[i]
/// in [0, classes); the caller checks. 0 for no rows.
double reported_cross_entropy(const LossGeometry& g, const float* logits, const std::int32_t* labels);

/// The mean over the labels present of what sigmoid_bce_forward has without weights; 0 if there are none.
double reported_bce(const LossGeometry& g, const float* logits, const float* targets);

}  // namespace keel::kernels
