// Tiles of convolution of quantized values over the vector wrapper; see variants.h. Include avx2.h or avx512.h first,
// then define what differs:
//   Element (of source and weights), kQconvIsa, kMostRows (by the tile's vectors), kMostVectors, and
//   Sums dot(Sums, Sums src, Sums weights): adds to each s32 the products of its group.
// As many rows as the registers hold: 6 x 64 and 14 x 32 of AVX-512's 32 registers, 6 x 16 of AVX2's 16. A load of
// weights then serves as many multiply-adds as there are rows, whose other factor is broadcast from memory.
#pragma once

#include "kernels/qconv/finish_body.h"

namespace keel::kernels::simd {
namespace {

constexpr int kGroup = 4 / static_cast<int>(sizeof(Element));

template <int kR, int kV>
struct TileSums {
    Sums sums[kR][kV];
};

/// The products of one group, `at` elements on in each row.
template <int kR, int kV>
__attribute__((always_inline)) inline void multiply_group(const Element* const* third, std::int64_t row,
                                                          std::int64_t at, const Element* weights,
                                                          TileSums<kR, kV>& tile) {
    Sums w[kV];
    unrolled<kV>([&](auto v) { w[v] = load_sums(weights + v * kWidth * kGroup); });
    unrolled<kR>([&](auto r) {
        const Sums src = broadcast_word(third[r / 3] + r % 3 * row + at);
        unrolled<kV>([&](auto v) { tile.sums[r][v] = dot(tile.sums[r][v], src, w[v]); });
    });
}

/// Fetches what lies in the next `bytes`; the cache lines of it that are not fetched by others.
inline const char* fetch_ahead(const char* ahead, std::int64_t bytes) {
    for (std::int64_t at = 0; at < bytes; at += 64) __builtin_prefetch(ahead + at, 0, 2);
    return ahead + bytes;
}

/// Some rows of a tile, and their share of what is fetched meanwhile.
struct TileRows {
    int first, count;
    const char* ahead;
    std::int64_t ahead_step;
};

/// Groups that a turn of the loop multiplies. Where registers are few, a turn's own instructions would cost as much as
/// a group's loads; where sums are many, GCC keeps more turns' factors than there are registers.
constexpr int kTurn = kWidth == 8 ? 4 : 1;

template <int kR, int kV>
__attribute__((always_inline)) inline void multiply(const QconvTile& t, const TileRows& rows, TileSums<kR, kV>& tile) {
    constexpr std::int64_t kStep = kV * kWidth * kGroup;  // weights of a group
    const auto* weights = static_cast<const Element*>(t.weights);
    const char* ahead = rows.ahead;
    unrolled<kR>([&](auto r) { unrolled<kV>([&](auto v) { tile.sums[r][v] = Sums{}; }); });
    for (std::int64_t s = 0; s < t.segments; ++s) {
        const std::int64_t row = t.src[s].row;
        // Rows are addressed from every third one, so that all pointers stay in registers.
        const Element* third[(kR + 2) / 3];
        unrolled<(kR + 2) / 3>(
            [&](auto i) { third[i] = static_cast<const Element*>(t.src[s].first) + (rows.first + 3 * i) * row; });
        std::int64_t left = t.depth / kGroup;
        for (; left >= kTurn; left -= kTurn, weights += kTurn * kStep) {
            ahead = fetch_ahead(ahead, kTurn * rows.ahead_step);
            unrolled<kTurn>([&](auto i) { multiply_group(third, row, i * kGroup, weights + i * kStep, tile); });
            unrolled<(kR + 2) / 3>([&](auto i) { third[i] += kTurn * kGroup; });
        }
        for (; left > 0; --left, weights += kStep) {
            ahead = fetch_ahead(ahead, rows.ahead_step);
            multiply_group(third, row, 0, weights, tile);
            unrolled<(kR + 2) / 3>([&](auto i) { third[i] += kGroup; });
        }
    }
}

template <int kR, int kV>
inline void tile_of(const QconvTile& tile, const TileRows& rows) {
    const QconvTile t = tile;  // which no store can change, as far as the compiler knows
    const int first = rows.first;
    TileSums<kR, kV> all;
    if (t.residual_scale != nullptr)
        unrolled<kR>([&](auto r) { __builtin_prefetch(t.residual + (first + r) * t.residual_row); });
    multiply<kR, kV>(t, rows, all);
    if (t.sums != nullptr)
        return unrolled<kR>([&](auto r) {
            unrolled<kV>([&](auto v) { store_sums(t.sums + ((first + r) * kV + v) * kWidth, all.sums[r][v]); });
        });
    const auto finish_alone = [&](auto r) { finish_row<kV>(t, first + r, [&](auto v) { return all.sums[r][v]; }); };
    if constexpr (constexpr int kOnce = kRowsAtOnce<kV>; kOnce > 0)
        if (is_whole<kV>(t)) {
            unrolled<kR / kOnce>([&](auto i) {
                finish_at_once<kV>(t, first + i * kOnce, [&](auto r, auto v) { return all.sums[i * kOnce + r][v]; });
            });
            if constexpr (kR % kOnce != 0) finish_alone(Index<kR - 1>{});
            return;
        }
    unrolled<kR>(finish_alone);
}

/// Calls tile_of<rows.count, t.vectors>; the search costs little beside the tile.
template <int kV, int kR>
inline void find_rows(const QconvTile& t, const TileRows& rows) {
    if constexpr (kR > 1) {
        if (rows.count < kR) return find_rows<kV, kR - 1>(t, rows);
    }
    tile_of<kR, kV>(t, rows);
}
template <int kV>
inline void find_vectors(const QconvTile& t, const TileRows& rows) {
    if constexpr (kV > 1) {
        if (t.vectors < kV) return find_vectors<kV - 1>(t, rows);
    }
    find_rows<kV, kMostRows[kV]>(t, rows);
}

/// Stacked tiles share what they fetch.
inline void qconv_tile(const QconvTile& t) {
    const int most = kMostRows[t.vectors], count = (t.rows + most - 1) / most;
    const auto* ahead = static_cast<const char*>(t.ahead);
    if (count == 1) return find_vectors<kMostVectors>(t, {0, t.rows, ahead, t.ahead_step});
    const std::int64_t step = (t.ahead_step + count - 1) / count, share = step * (t.segments * t.depth / kGroup);
    for (int i = 0; i < count; ++i, ahead += share) {
        const int first = t.rows * i / count, end = t.rows * (i + 1) / count;
        find_vectors<kMostVectors>(t, {first, end - first, ahead, step});
    }
}

/// Returns the variant of these tiles.
constexpr QconvVariant qconv_on_vectors(void (*gather)(const QconvGather&), const QwinogradVariant* winograd,
                                        int stack = 1) {
    QconvVariant v{kQconvIsa,    kWidth,
                   kGroup,       sizeof(Element),
                   kMostVectors, {kMostRows[0], kMostRows[1], kMostRows[2], kMostRows[3], kMostRows[4]},
                   qconv_tile,   gather};
    v.winograd = winograd;
    v.stack = stack;
    return v;
}

}  // namespace
}  // namespace keel::kernels::simd
