// Plain loops: the scalar variant, and the rounding that all have.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernels/quant/variants.h"

namespace keel::kernels::reference {

/// Returns the nearest quantized value.
inline std::uint8_t to_quantized(float v) {
    return static_cast<std::uint8_t>(std::nearbyint(std::min(255.0F, std::max(0.0F, v))));
}

/// Returns quantized value q of channel c as `prologue` lets it be seen.
inline std::uint8_t read_quantized(const QuantPrologue& prologue, std::uint8_t q, std::int64_t c) {
    if (prologue.scale != nullptr)
        return to_quantized(std::fma(static_cast<float>(q), prologue.scale[c], prologue.shift[c]));
    return prologue.low != nullptr ? std::min(std::max(q, prologue.low[c]), prologue.high[c]) : q;
}

inline bool quantize(const UnaryGeometry& g, const float* src, const float* scale, const float* shift,
                     std::uint8_t* dst) {
    bool finite = true;
    for (std::int64_t r = 0; r < g.rows; ++r)
        for (std::int64_t i = 0; i < g.c; ++i) {
            const float v = std::fma(src[r * g.src_ld + i], scale[i], shift[i]);
            finite = finite && std::isfinite(v);
            dst[r * g.dst_ld + i] = to_quantized(v);
        }
    return finite;
}

inline void dequantize(const UnaryGeometry& g, const std::uint8_t* src, const float* scale, const float* shift,
                       float* dst) {
    for (std::int64_t r = 0; r < g.rows; ++r)
        for (std::int64_t i = 0; i < g.c; ++i)
            dst[r * g.dst_ld + i] = std::fma(static_cast<float>(src[r * g.src_ld + i]), scale[i], shift[i]);
}

inline void maximum(const QuantWindow& w, const QuantPrologue& prologue, std::uint8_t* dst) {
    for (std::int64_t i = 0; i < w.c; ++i) {
        std::uint8_t best = 0;
        for (int p = 0; p < w.count; ++p) best = std::max(best, read_quantized(prologue, w.src[p][i], i));
        dst[i] = best;
    }
}

inline void average(const QuantWindow& w, const QuantAverage& a) {
    for (std::int64_t i = 0; i < w.c; ++i) {
        std::int32_t sum = a.pad == nullptr ? 0 : w.outside * a.pad[i];
        for (int p = 0; p < w.count; ++p) sum += read_quantized(a.prologue, w.src[p][i], i);
        const float v = std::fma(static_cast<float>(sum) * w.inverse_area, a.scale[i], a.shift[i]);
        if (a.dst == nullptr)
            a.floats[i] = v;
        else
            a.dst[i] = to_quantized(v);
    }
}

}  // namespace keel::kernels::reference
