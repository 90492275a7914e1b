// Reductions over n dense elements; fixed chunks combined in order, so the result does not depend on the number of
// threads. T is float (dispatched by ISA) or double (the reference).
#pragma once

#include <cstdint>

namespace keel::kernels {

/// Returns the sum of squares, chunks combined in double.
template <class T>
double sum_of_squares(std::int64_t n, const T* src);

/// Returns false if any element times `factor` is NaN or infinite.
template <class T>
bool all_finite(std::int64_t n, const T* src, T factor = 1);

}  // namespace keel::kernels
