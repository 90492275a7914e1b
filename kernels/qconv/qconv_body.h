// Tiles of convolution of quantized values over the vector wrapper; see variants.h. Include avx2.h or avx512.h first,
// then define what differs:
//   Element (of source and weights), kQconvIsa, kMostRows (by the tile's vectors), kMostVectors, and
//   Sums dot(Sums, Sums src, Sums weights): adds to each s32 the products of its group.
// As many rows as the registers hold: 6 x 64 and 14 x 32 of AVX-512's 32 registers, 6 x 16 of AVX2's 16. A load of
// weights then serves as many multiply-adds as there are rows, whose other factor is broadcast from memory.
#pragma once

#include "kernels/qconv/finish_body.h"
#include "kernels/qconv/gather_body.h"

namespace keel::kernels::simd {
namespace {

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

constexpr QconvVariant kQconv{kQconvIsa,    kWidth,
                              kGroup,       sizeof(Element),
                              kMostVectors, {kMostRows[0], kMostRows[1], kMostRows[2], kMostRows[3], kMostRows[4]},
                              qconv_tile,   qconv_gather};

}  // namespace
}  // namespace keel::kernels::simd
