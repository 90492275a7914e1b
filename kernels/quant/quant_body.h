// Work on quantized values over the vector wrapper; see variants.h. Include avx2_integers.h or avx512_integers.h first.
#pragma once

#include "kernels/quant/variants.h"
#include "kernels/simd/loops.h"

namespace keel::kernels::simd {
namespace {

/// Returns v within 0 and 255; a NaN is 0. store_bytes() and to_sums() then round to nearest (even).
inline Vec saturated(Vec v) { return min(max(v, Vec{}), broadcast(255)); }

inline bool quantize(const UnaryGeometry& g, const float* src, const float* scale, const float* shift,
                     std::uint8_t* dst) {
    Vec spoiled{};
    for (std::int64_t r = 0; r < g.rows; ++r, src += g.src_ld, dst += g.dst_ld)
        for_lanes(g.c, [&](std::int64_t i, auto lanes) {
            const Vec v = fma(load(src + i, lanes), load(scale + i, lanes), load(shift + i, lanes));
            spoil(spoiled, v);
            store_bytes(dst + i, saturated(v), lanes);
        });
    return unspoiled(spoiled);
}

inline void dequantize(const UnaryGeometry& g, const std::uint8_t* src, const float* scale, const float* shift,
                       float* dst) {
    for (std::int64_t r = 0; r < g.rows; ++r, src += g.src_ld, dst += g.dst_ld)
        for_lanes(g.c, [&](std::int64_t i, auto lanes) {
            store(dst + i, fma(load_bytes(src + i, lanes), load(scale + i, lanes), load(shift + i, lanes)), lanes);
        });
}

inline Sums load_quantized_sums(const std::uint8_t* p, AllLanes) { return widen_quantized(p); }
inline Sums load_quantized_sums(const std::uint8_t* p, FirstLanes lanes) {
    std::uint8_t quantized[kWidth] = {};
    memcpy(quantized, p, static_cast<size_t>(lanes.n));
    return widen_quantized(quantized);
}

/// Calls combine(quantized) for those of each pixel of the window from channel i on, as `prologue` lets them be seen.
template <class Lanes, class Combine>
inline void for_window(const QuantWindow& w, const QuantPrologue& prologue, std::int64_t i, Lanes lanes,
                       Combine combine) {
    if (prologue.scale != nullptr) {
        const Vec scale = load(prologue.scale + i, lanes), shift = load(prologue.shift + i, lanes);
        for (int p = 0; p < w.count; ++p)
            combine(to_sums(saturated(fma(to_float(load_quantized_sums(w.src[p] + i, lanes)), scale, shift))));
    } else if (prologue.low != nullptr) {
        const Sums low = load_quantized_sums(prologue.low + i, lanes),
                   high = load_quantized_sums(prologue.high + i, lanes);
        for (int p = 0; p < w.count; ++p) combine(least(most(load_quantized_sums(w.src[p] + i, lanes), low), high));
    } else {
        for (int p = 0; p < w.count; ++p) combine(load_quantized_sums(w.src[p] + i, lanes));
    }
}

inline void maximum(const QuantWindow& w, const QuantPrologue& prologue, std::uint8_t* dst) {
    std::int64_t done = 0;
    if (prologue.scale == nullptr && prologue.low == nullptr)
        for (; done + kByteLanes <= w.c; done += kByteLanes) {
            QuantizedVec best = load_quantized(w.src[0] + done);
            for (int p = 1; p < w.count; ++p) best = max_quantized(best, load_quantized(w.src[p] + done));
            store_quantized(dst + done, best);
        }
    for_lanes(w.c - done, [&](std::int64_t i, auto lanes) {
        Sums best{};
        for_window(w, prologue, done + i, lanes, [&](Sums quantized) { best = most(best, quantized); });
        store_bytes(dst + done + i, to_float(best), lanes);
    });
}

inline void average(const QuantWindow& w, const QuantAverage& a) {
    for_lanes(w.c, [&](std::int64_t i, auto lanes) {
        Sums sum{};
        if (a.pad != nullptr && w.outside > 0) {
            const Sums pad = load_quantized_sums(a.pad + i, lanes);
            for (int p = 0; p < w.outside; ++p) sum = add(sum, pad);
        }
        for_window(w, a.prologue, i, lanes, [&](Sums quantized) { sum = add(sum, quantized); });
        const Vec v =
            fma(to_float(sum) * broadcast(w.inverse_area), load(a.scale + i, lanes), load(a.shift + i, lanes));
        if (a.dst == nullptr)
            store(a.floats + i, v, lanes);
        else
            store_bytes(a.dst + i, saturated(v), lanes);
    });
}

constexpr QuantVariant kQuant{kIsa, quantize, dequantize, maximum, average};

}  // namespace
}  // namespace keel::kernels::simd
