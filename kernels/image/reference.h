// Plain loops: the scalar variant.
#pragma once

#include "kernels/image/variants.h"

namespace keel::kernels::reference {

/// The rows in the outer loop: the compiler vectorizes the inner one.
inline void blend_rows(const RowBlend& b, const float* weights, const std::uint8_t* src, float* dst) {
    for (std::int64_t i = 0; i < b.n; ++i) dst[i] = 0;
    for (int k = 0; k < b.count; ++k)
        for (std::int64_t i = 0; i < b.n; ++i) dst[i] += weights[k] * static_cast<float>(src[k * b.ld + i]);
}

}  // namespace keel::kernels::reference
