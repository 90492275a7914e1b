// The gathering of pixels for tiles of quantized values, over the vector wrapper; see variants.h. Include
// avx2_integers.h or avx512_integers.h first, then define Element, that of the source.
#pragma once

#include <string.h>

#include "kernels/qconv/variants.h"
#include "kernels/simd/loops.h"

namespace keel::kernels::simd {
namespace {

/// A vector of quantized values from channel k on, put through the affine.
template <class Lanes>
inline Vec affine(const QconvGather& t, const std::uint8_t* src, std::int64_t k, Lanes lanes) {
    return fma(load_bytes(src, lanes), load(t.scale + k, lanes), load(t.shift + k, lanes));
}

/// kByteLanes of them, quantized again.
inline QuantizedVec requantized(const QconvGather& t, const std::uint8_t* src, std::int64_t k) {
    Vec v[4];
    for (int i = 0; i < 4; ++i) v[i] = affine(t, src + i * kWidth, k + i * kWidth, AllLanes{});
    return to_quantized(v);
}

/// `n` of them, fewer.
inline void requantize(const QconvGather& t, const std::uint8_t* src, std::int64_t k, std::int64_t n,
                       std::uint8_t* dst) {
    for_lanes(n, [&](std::int64_t i, auto lanes) {
        const Vec v = affine(t, src + i, k + i, lanes);
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

/// Gathers them, put through the affine.
inline void requantize_rest(const QconvGather& t, const std::uint8_t* src, std::int64_t k, std::uint8_t* dst) {
    requantize(t, src + k, k, t.depth - k, dst + k);
}
template <class Wide>
inline void requantize_rest(const QconvGather& t, const std::uint8_t* src, std::int64_t k, Wide* dst) {
    alignas(64) std::uint8_t quantized[kByteLanes];
    requantize(t, src + k, k, t.depth - k, quantized);
    gather_rest(t, quantized, false, k, dst);
}

inline void qconv_gather(const QconvGather& t) {
    const std::int64_t whole = t.depth / kByteLanes * kByteLanes;
    for (int r = 0; r < t.rows; ++r) {
        auto* dst = static_cast<Element*>(t.dst) + r * t.dst_row;
        const std::uint8_t* src = t.src[r];
        if (t.scale != nullptr && t.inside[r]) {
            for (std::int64_t k = 0; k < whole; k += kByteLanes) store_quantized(dst + k, requantized(t, src + k, k));
            if (whole < t.depth) requantize_rest(t, src, whole, dst);
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
