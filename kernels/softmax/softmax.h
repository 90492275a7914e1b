// Softmax over the channels of a map of floats, as fast as networks want it; predictions have one in double
// (kernels/loss/prediction.h).
#pragma once

#include "kernels/eltwise/eltwise.h"

namespace keel::kernels {

/// dst = exp(src) / sum of exp(src) over the c > 0 channels of each row, or the logarithm of it if `log`. With m the
/// largest of a row and u = 2^-24, what is exp(src - m) errs by (|src - m| + 4) u of it; below e^-87.3 it is 0. A row
/// with a NaN, +infinity, or nothing but -infinity is NaN. The same bits on every ISA. dst may be src, with the same
/// distance.
void softmax_forward(const UnaryGeometry& g, bool log, const float* src, float* dst);

}  // namespace keel::kernels
