// The variants of softmax: serial, a row of c > 0 elements at a time.
#pragma once

#include <cstdint>

#include "kernels/isa.h"

namespace keel::kernels {

struct SoftmaxVariant {
    Isa isa;
    /// Returns the largest element; any where one is NaN.
    float (*largest)(std::int64_t c, const float* src);
    /// Returns the sum of exp(src - largest) in double, and writes the terms to dst, which may be src, unless it is
    /// null.
    double (*exponentials)(std::int64_t c, const float* src, float largest, float* dst);
    /// dst = dst / divisor
    void (*divide)(std::int64_t c, float divisor, float* dst);
    /// dst = (src - first) - second; dst may be src.
    void (*subtract)(std::int64_t c, const float* src, float first, float second, float* dst);
};

extern const SoftmaxVariant softmax_avx512, softmax_avx2, softmax_scalar;
inline constexpr const SoftmaxVariant* softmax_variants[] = {&softmax_avx512, &softmax_avx2, &softmax_scalar};

}  // namespace keel::kernels
