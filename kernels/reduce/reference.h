// Plain loops: the scalar variant of float, and what double runs on.
#pragma once

#include <cmath>
#include <cstdint>

namespace keel::kernels::reference {

template <class T>
double sum_of_squares(std::int64_t n, const T* src) {
    double total = 0;
    for (std::int64_t i = 0; i < n; ++i) total += static_cast<double>(src[i]) * static_cast<double>(src[i]);
    return total;
}

template <class T>
bool all_finite(std::int64_t n, const T* src, T factor) {
    for (std::int64_t i = 0; i < n; ++i)
        if (!std::isfinite(src[i] * factor)) return false;
    return true;
}

}  // namespace keel::kernels::reference
