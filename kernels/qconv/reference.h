// Convolution of quantized values in plain loops: the scalar variant.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/qconv/variants.h"
#include "kernels/quant/reference.h"

namespace keel::kernels::reference {

/// Writes element [r][j] of a tile, of its sum.
inline void qconv_finish(const QconvTile& t, std::int64_t r, std::int64_t j, std::int32_t sum) {
    float v = std::fma(static_cast<float>(sum), t.scale[j], t.shift[j]);
    if (t.residual_scale != nullptr)
        v = std::fma(static_cast<float>(t.residual[r * t.residual_row + j]), t.residual_scale[j], v);
    v = t.least > v ? t.least : v;
    if (t.dst == nullptr)
        t.floats[r * t.dst_row + j] = v;
    else
        t.dst[r * t.dst_row + j] = to_quantized(v);
}

inline void qconv_tile(const QconvTile& t) {
    const std::int64_t width = std::int64_t{t.vectors} * 4;
    for (std::int64_t r = 0; r < t.rows; ++r)
        for (std::int64_t j = 0; j < t.columns; ++j) {
            const auto* weights = static_cast<const std::int8_t*>(t.weights) + 4 * j;
            std::int32_t sum = 0;
            for (std::int64_t s = 0; s < t.segments; ++s) {
                const auto* src = static_cast<const std::uint8_t*>(t.src[s].first) + r * t.src[s].row;
                for (std::int64_t k = 0; k < t.depth; k += 4, weights += 4 * width)
                    for (std::int64_t i = 0; i < 4; ++i) sum += src[k + i] * weights[i];
            }
            qconv_finish(t, r, j, sum);
        }
}

inline void qconv_gather(const QconvGather& t) {
    for (int r = 0; r < t.rows; ++r)
        for (std::int64_t k = 0; k < t.depth; ++k) {
            const std::uint8_t q = t.src[r][k];
            static_cast<std::uint8_t*>(t.dst)[r * t.dst_row + k] =
                t.inside[r] ? read_quantized({t.low, t.high, t.scale, t.shift}, q, k) : q;
        }
}

}  // namespace keel::kernels::reference
