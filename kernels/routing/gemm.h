// Row-major matrix product: f32 runs on oneDNN, f64 is the plain reference.
#pragma once

#include "kernels/gemm/gemm.h"

namespace keel::kernels {

/// Computes c = op(a) op(b) + (accumulate ? c : 0). Throws UsageError as check_geometry() does.
template <class T>
void gemm(const GemmGeometry& g, const T* a, const T* b, bool accumulate, T* c);

}  // namespace keel::kernels
