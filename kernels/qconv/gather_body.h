// The gathering of pixels for tiles of quantized values, over the vector wrapper; see variants.h. Include
// avx2_integers.h or avx512_integers.h first, then define Element, that of the source.
#pragma once

#include <string.h>

#include "kernels/qconv/variants.h"
#include "kernels/simd/loops.h"

namespace keel::kernels::simd {
namespace {

/// Puts `n` quantized values, at most 64, through the affine.
inline void requantize(const QconvGather& t, const std::uint8_t* src, std::int64_t k, std::int64_t n,
                       std::uint8_t* dst) {
    for_lanes(n, [&](std::int64_t i, auto lanes) {
        const Vec v = fma(load_bytes(src + i, lanes), load(t.scale + k + i, lanes), load(t.shift + k + i, lanes));
        store_bytes(dst + i, min(broadcast(255), max(Vec{}, v)), lanes);
    });
}

/// Gathers the last quantized values of a pixel, fewer than a vector.
inline void gather_rest(const QconvGather& t, const std::uint8_t* src, bool clamp, std::int64_t k, Element* dst) {
    alignas(64) std::uint8_t quantized[kByteLanes] = {}, low[kByteLanes] = {}, high[kByteLanes] = {};
    alignas(64) Element elements[kByteLanes];
    const auto n = static_cast<size_t>(t.depth - k);
    memcpy(quantized, src, n);
    QuantizedVec v = load_quantized(quantized);
    if (clamp) {
        memcpy(low, t.low + k, n);
        memcpy(high, t.high + k, n);
        v = clamped(v, load_quantized(low), load_quantized(high));
    }
    store_quantized(elements, v);
    memcpy(dst + k, elements, n * sizeof(Element));
}

inline void qconv_gather(const QconvGather& t) {
    const std::int64_t whole = t.depth / kByteLanes * kByteLanes;
    for (int r = 0; r < t.rows; ++r) {
        auto* dst = static_cast<Element*>(t.dst) + r * t.dst_row;
        const std::uint8_t* src = t.src[r];
        if (t.scale != nullptr && t.inside[r]) {
            alignas(64) std::uint8_t quantized[kByteLanes];
            for (std::int64_t k = 0; k < whole; k += kByteLanes) {
                requantize(t, src + k, k, kByteLanes, quantized);
                store_quantized(dst + k, load_quantized(quantized));
            }
            if (whole == t.depth) continue;
            requantize(t, src + whole, whole, t.depth - whole, quantized);
            gather_rest(t, quantized, false, whole, dst);
            continue;
        }
        const bool clamp = t.low != nullptr && t.inside[r];
        if (clamp)
            for (std::int64_t k = 0; k < whole; k += kByteLanes)
                store_quantized(
                    dst + k, clamped(load_quantized(src + k), load_quantized(t.low + k), load_quantized(t.high + k)));
        else
            for (std::int64_t k = 0; k < whole; k += kByteLanes) store_quantized(dst + k, load_quantized(src + k));
        if (whole < t.depth) gather_rest(t, src + whole, clamp, whole, dst);
    }
}

}  // namespace
}  // namespace keel::kernels::simd
