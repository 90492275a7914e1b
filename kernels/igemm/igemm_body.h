// Implicit GEMM of f32 over the vector wrapper; see variants.h. Include avx2.h or avx512.h first.
#pragma once

#include "kernels/igemm/tile_body.h"
#include "kernels/igemm/winograd_body.h"

namespace keel::kernels::simd {
namespace {

struct FloatWord {
    static constexpr bool kRounds = false;
    static Vec multiply_add(Vec a, Vec b, Vec sum) { return fma(a, b, sum); }
};

inline void gather(const IgemmGather& t) {
    for_lanes(t.depth, [=](std::int64_t k, auto lanes) {
        const auto rows = [&](auto convert) {
            for (int r = 0; r < t.rows; ++r)
                store(t.dst + r * t.dst_row + k, convert(load(t.src[r] + k, lanes)), lanes);
        };
        if (t.scale == nullptr) return rows([](Vec v) { return v; });
        const Vec scale = load(t.scale + k, lanes), shift = load(t.shift + k, lanes);
        if (t.relu)
            rows([&](Vec v) { return relu(fma(v, scale, shift)); });
        else
            rows([&](Vec v) { return fma(v, scale, shift); });
    });
}

/// Stores `convert` of a vector of each pixel in [first, last), `width` apart in dst.
template <class Lanes, class Convert>
inline void pack_lanes(const IgemmPack& t, std::int64_t first, std::int64_t last, std::int64_t c, float* dst,
                       Lanes lanes, Convert convert) {
    const float* src = static_cast<const float*>(t.src) + c;
    for (std::int64_t p = first; p < last; ++p)
        store(dst + p * t.width, convert(load(src + p * t.ld, lanes)), AllLanes{});
}

template <class Lanes>
inline void pack_lanes(const IgemmPack& t, std::int64_t first, std::int64_t last, std::int64_t c, float* dst,
                       Lanes lanes) {
    if (t.scale == nullptr) return pack_lanes(t, first, last, c, dst, lanes, [](Vec v) { return v; });
    const Vec scale = load(t.scale + c, lanes), shift = load(t.shift + c, lanes);  // 0 in lanes beyond the channels
    if (t.relu)
        pack_lanes(t, first, last, c, dst, lanes, [=](Vec v) { return relu(fma(v, scale, shift)); });
    else
        pack_lanes(t, first, last, c, dst, lanes, [=](Vec v) { return fma(v, scale, shift); });
}

/// Packs chunks of pixels, so that a chunk's cache lines are still near when the next panel wants the rest of them. A
/// store of whole vectors spills into the place of the next pixel, which is written after it.
inline void pack(const IgemmPack& t) {
    constexpr std::int64_t kChunk = 16;
    for (std::int64_t first = 0; first < t.pixels; first += kChunk) {
        const std::int64_t last = first + kChunk < t.pixels ? first + kChunk : t.pixels;
        float* panel = t.dst + t.first * t.width;
        for (std::int64_t c = 0; c < t.channels; c += t.width, panel += t.panel)
            for (std::int64_t i = 0; i < t.width; i += kWidth) {
                const std::int64_t left = t.src == nullptr ? 0 : t.channels - c - i;
                if (left >= kWidth)
                    pack_lanes(t, first, last, c + i, panel + i, AllLanes{});
                else if (left > 0)
                    pack_lanes(t, first, last, c + i, panel + i, FirstLanes(left));
                else
                    for (std::int64_t p = first; p < last; ++p) store(panel + i + p * t.width, Vec{}, AllLanes{});
            }
    }
}

constexpr IgemmVariant kIgemm{
    kIsa, kRows,           kColumns,        tile<FloatWord>,  outer<FloatWord>,  gather,
    pack, winograd_source, winograd_result, winograd_weights, winograd_gradient, winograd_weights_gradient};

}  // namespace
}  // namespace keel::kernels::simd
