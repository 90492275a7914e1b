// Single-precision matrix product of oneDNN.
#pragma once

#include "kernels/gemm/gemm.h"

namespace keel::kernels::onednn {

/// Computes c = op(a) op(b) + (accumulate ? c : 0), for a valid geometry with m, n, k > 0.
void sgemm(const GemmGeometry& g, const float* a, const float* b, bool accumulate, float* c);

}  // namespace keel::kernels::onednn
