// Tiles of convolution of quantized values over the vector wrapper; see variants.h. Include avx2.h or avx512.h first,
// then define what differs:
//   Element (of source and weights), kQconvIsa, kMostRows (by the tile's vectors), kMostVectors, and
//   Sums dot(Sums, Sums src, Sums weights): adds to each s32 the products of its group.
// As many rows as the registers hold: 6 x 64 and 14 x 32 of AVX-512's 32 registers, 6 x 16 of AVX2's 16. A load of
// weights then serves as many multiply-adds as there are rows, whose other factor is broadcast from memory.
#pragma once

#include <string.h>

#include "kernels/qconv/variants.h"
#include "kernels/simd/loops.h"

namespace keel::kernels::simd {
namespace {

/// f(Index<0>{}), f(Index<1>{}), ...: a loop whose arrays stay in registers.
template <int kI>
struct Index {
    constexpr operator int() const { return kI; }
};
template <int kCount, int kFrom = 0, class F>
__attribute__((always_inline)) inline void unrolled(F&& f) {
    if constexpr (kFrom < kCount) {
        f(Index<kFrom>{});
        unrolled<kCount, kFrom + 1>(f);
    }
}

constexpr int kGroup = 4 / static_cast<int>(sizeof(Element));

template <int kR, int kV>
struct TileSums {
    Sums sums[kR][kV];
};

template <int kR, int kV>
inline void multiply(const QconvTile& t, TileSums<kR, kV>& tile) {
    constexpr std::int64_t kStep = kV * kWidth * kGroup;  // weights of a group
    const auto* weights = static_cast<const Element*>(t.weights);
    const auto* ahead = static_cast<const char*>(t.ahead);
    unrolled<kR>([&](auto r) { unrolled<kV>([&](auto v) { tile.sums[r][v] = Sums{}; }); });
    for (std::int64_t s = 0; s < t.segments; ++s) {
        const std::int64_t row = t.src[s].row;
        // Rows are addressed from every third one, so that all pointers stay in registers.
        const Element* third[(kR + 2) / 3];
        unrolled<(kR + 2) / 3>([&](auto i) { third[i] = static_cast<const Element*>(t.src[s].first) + 3 * i * row; });
        for (std::int64_t k = 0; k < t.depth; k += kGroup, weights += kStep, ahead += t.ahead_step) {
            Sums w[kV];
            __builtin_prefetch(ahead, 0, 2);
            unrolled<kV>([&](auto v) { w[v] = load_sums(weights + v * kWidth * kGroup); });
            unrolled<kR>([&](auto r) {
                const Sums src = broadcast_word(third[r / 3] + r % 3 * row + k);
                unrolled<kV>([&](auto v) { tile.sums[r][v] = dot(tile.sums[r][v], src, w[v]); });
            });
        }
    }
}

/// Returns a vector of results before they become quantized values.
template <class Lanes>
inline Vec result(const QconvTile& t, int row, std::int64_t column, Sums sums, Lanes lanes) {
    const AllLanes all;
    const Vec v = fma(to_float(sums), load(t.scale + column, all), load(t.shift + column, all));
    if (t.residual_scale == nullptr) return v;
    return fma(load_bytes(t.residual + row * t.residual_row + column, lanes), load(t.residual_scale + column, all), v);
}

template <class Lanes>
inline void finish(const QconvTile& t, int row, std::int64_t column, Sums sums, Lanes lanes) {
    const Vec v = max(broadcast(t.least), result(t, row, column, sums, lanes));
    if (t.dst == nullptr) return store(t.floats + row * t.dst_row + column, v, lanes);
    store_bytes(t.dst + row * t.dst_row + column, min(broadcast(255), v), lanes);
}

template <int kR, int kV>
inline void tile_of(const QconvTile& t) {
    TileSums<kR, kV> tile;
    if (t.residual_scale != nullptr) unrolled<kR>([&](auto r) { __builtin_prefetch(t.residual + r * t.residual_row); });
    multiply<kR, kV>(t, tile);
    constexpr std::int64_t kLast = (kV - 1) * kWidth;
    const std::int64_t left = t.columns - kLast;
    if constexpr (kV * kWidth == kByteLanes)
        if (left == kWidth && t.dst != nullptr) {
            const QuantizedVec least = all_quantized(t.least);
            return unrolled<kR>([&](auto r) {
                Vec v[kV];
                unrolled<kV>([&](auto i) { v[i] = result(t, r, i * kWidth, tile.sums[r][i], AllLanes{}); });
                store_quantized(t.dst + r * t.dst_row, max_quantized(least, to_quantized(v)));
            });
        }
    unrolled<kR>([&](auto r) {
        unrolled<kV - 1>([&](auto v) { finish(t, r, v * kWidth, tile.sums[r][v], AllLanes{}); });
        if (left == kWidth)
            finish(t, r, kLast, tile.sums[r][kV - 1], AllLanes{});
        else
            finish(t, r, kLast, tile.sums[r][kV - 1], FirstLanes(left));
    });
}

/// Calls tile_of<t.rows, t.vectors>; the search costs little beside the tile.
template <int kV, int kR>
inline void find_rows(const QconvTile& t) {
    if constexpr (kR > 1) {
        if (t.rows < kR) return find_rows<kV, kR - 1>(t);
    }
    tile_of<kR, kV>(t);
}
template <int kV>
inline void find_vectors(const QconvTile& t) {
    if constexpr (kV > 1) {
        if (t.vectors < kV) return find_vectors<kV - 1>(t);
    }
    find_rows<kV, kMostRows[kV]>(t);
}
inline void qconv_tile(const QconvTile& t) { find_vectors<kMostVectors>(t); }

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

constexpr QconvVariant kQconv{kQconvIsa,    kWidth,
                              kGroup,       sizeof(Element),
                              kMostVectors, {kMostRows[0], kMostRows[1], kMostRows[2], kMostRows[3], kMostRows[4]},
                              qconv_tile,   qconv_gather};

}  // namespace
}  // namespace keel::kernels::simd
