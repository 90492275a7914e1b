// Tiles of convolution of quantized values on matrix tiles (AMX); see variants.h. Include kernels/simd/tiles.h first,
// and what has qconv_gather(), then define kQconvIsa and what becomes of sums, which are [row][kSumsRow]:
//   void finish_rows(const QconvTile&, int begin, int end, const std::int32_t* sums)
//
// Two by two tiles of sums, 32 pixels x 32 columns, take two tiles of pixels (16 x 64 values) and two of weights (64 x
// 16) for four products: 4 loads at 8 cycles each against 4 products at 16 (Intel's optimization manual), so the
// products are what takes the time. With at most 16 pixels it is one by four, 5 loads for 4 products.
// Sums leave the tiles through memory, and what becomes of them is done for the tile before, a few rows between any
// two steps of products: with the vector units, which are idle then.
// Shapes stay the same for a whole run but where pixels are fewer than 16: of 17 ... 31 pixels the second tile begins
// at the 16th before the last, and the last block of a segment likewise (QconvPlan::stored).
#pragma once

#include "kernels/qconv/variants.h"
#include "kernels/simd/tiles.h"

namespace keel::kernels::simd {
namespace {

constexpr int kTileColumns = 16, kMostTileRows = 2 * kTileRows, kMostTileVectors = 4;
constexpr std::int64_t kSumsRow = kMostTileVectors * kTileColumns;

/// What a thread keeps from tile to tile.
struct alignas(64) TileState {
    std::int32_t sums[2][kMostTileRows * kSumsRow];
    QconvTile pending;  ///< the tile whose sums are in sums[last]
    int done;           ///< of its rows
    int last;
    int rows, depth;  ///< the shapes that the registers have; 0: none
};

inline TileState& state_of(const QconvTile& t) { return *static_cast<TileState*>(t.state); }

/// Tiles 0 ... 3 are sums, 4 and 5 pixels, 6 and 7 weights.
inline void shape_tiles(TileState& state, int rows, int depth) {
    if (state.rows == rows && state.depth == depth) return;
    TileShapes shapes;
    for (int tile = 0; tile < 4; ++tile) shapes.set(tile, rows, 4 * kTileColumns);
    for (int tile = 4; tile < 6; ++tile) shapes.set(tile, rows, depth);
    for (int tile = 6; tile < 8; ++tile) shapes.set(tile, depth / 4, 4 * kTileColumns);
    Tiles::configure(shapes);
    state.rows = rows;
    state.depth = depth;
}

inline void finish_pending(TileState& state, int rows) {
    const int left = state.pending.rows - state.done, end = state.done + (rows < left ? rows : left);
    finish_rows(state.pending, state.done, end, state.sums[state.last]);
    state.done = end;
}

/// How a tile walks its products: steps of at most 64 of them.
struct TileSteps {
    std::int64_t depth, blocks;  ///< of a step; of a segment
    explicit TileSteps(const QconvTile& t)
        : depth(t.depth < kTileRowBytes ? t.depth : kTileRowBytes), blocks((t.depth + depth - 1) / depth) {}
    /// Returns where block `index` begins in the pixels of a segment.
    std::int64_t begin(const QconvTile& t, std::int64_t index) const {
        return index + 1 < blocks ? index * depth : t.depth - depth;
    }
};

/// The products of one step: kA tiles of pixels with those of weights from kB on, of kCount.
template <int kA, int kCount, int kB = 0>
inline void multiply_weights(const std::int8_t* weights, std::int64_t distance) {
    if constexpr (kB < kCount) {
        constexpr int kWeights = 6 + kB % 2;
        Tiles::load<kWeights>(weights + kB * 4 * kTileColumns, distance);
        Tiles::dot_bytes<kB, 4, kWeights>();
        if constexpr (kA == 2) Tiles::dot_bytes<2 + kB, 5, kWeights>();
        multiply_weights<kA, kCount, kB + 1>(weights, distance);
    }
}

template <int kA, int kCount, int kTile = 0>
inline void clear_sums() {
    if constexpr (kTile < kCount) {
        Tiles::clear<kTile>();
        if constexpr (kA == 2) Tiles::clear<2 + kTile>();
        clear_sums<kA, kCount, kTile + 1>();
    }
}

/// Rows of the second tile of sums begin at `second`; some may be rows of the first as well.
template <int kA, int kCount, int kTile = 0>
inline void store_sums(std::int32_t* sums, std::int64_t second) {
    if constexpr (kTile < kCount) {
        constexpr std::int64_t kDistance = kSumsRow * sizeof(std::int32_t);
        Tiles::store<kTile>(sums + kTile * kTileColumns, kDistance);
        if constexpr (kA == 2) Tiles::store<2 + kTile>(sums + second * kSumsRow + kTile * kTileColumns, kDistance);
        store_sums<kA, kCount, kTile + 1>(sums, second);
    }
}

/// Sums of kCount vectors of columns from `first` on; meanwhile() is called once a step.
template <int kA, int kCount, class Meanwhile>
inline void sum_columns(const QconvTile& t, int first, std::int32_t* sums, Meanwhile meanwhile) {
    static_assert(kA * kCount <= 4);
    const TileSteps steps(t);
    const std::int64_t distance = std::int64_t{t.vectors} * 4 * kTileColumns, second = t.rows - kTileRows;
    const auto* weights = static_cast<const std::int8_t*>(t.weights) + first * 4 * kTileColumns;
    clear_sums<kA, kCount>();
    for (std::int64_t s = 0; s < t.segments; ++s) {
        const auto* pixels = static_cast<const std::uint8_t*>(t.src[s].first);
        const std::int64_t row = t.src[s].row;
        for (std::int64_t i = 0; i < steps.blocks; ++i, weights += steps.depth / 4 * distance) {
            const std::uint8_t* block = pixels + steps.begin(t, i);
            Tiles::load<4>(block, row);
            if constexpr (kA == 2) Tiles::load<5>(block + second * row, row);
            multiply_weights<kA, kCount>(weights, distance);
            meanwhile();
        }
    }
    store_sums<kA, kCount>(sums + first * kTileColumns, second);
}

template <class Meanwhile>
inline void sum_tile(const QconvTile& t, std::int32_t* sums, Meanwhile meanwhile) {
    if (t.rows > kTileRows) {
        for (int first = 0; first < t.vectors; first += 2)
            t.vectors - first > 1 ? sum_columns<2, 2>(t, first, sums, meanwhile)
                                  : sum_columns<2, 1>(t, first, sums, meanwhile);
        return;
    }
    switch (t.vectors) {
        case 1:
            return sum_columns<1, 1>(t, 0, sums, meanwhile);
        case 2:
            return sum_columns<1, 2>(t, 0, sums, meanwhile);
        case 3:
            return sum_columns<1, 3>(t, 0, sums, meanwhile);
        default:
            return sum_columns<1, 4>(t, 0, sums, meanwhile);
    }
}

inline void qconv_tile(const QconvTile& t) {
    TileState& state = state_of(t);
    const TileSteps steps(t);
    shape_tiles(state, t.rows < kTileRows ? t.rows : kTileRows, static_cast<int>(steps.depth));
    const std::int64_t passes = t.rows > kTileRows ? (t.vectors + 1) / 2 : 1;
    const std::int64_t count = passes * t.segments * steps.blocks;
    const auto share = [&](std::int64_t all) { return (all + count - 1) / count; };
    const int rows = static_cast<int>(share(state.pending.rows - state.done));
    const std::int64_t fetched = share(t.ahead_step * t.segments * t.depth / 4);
    const auto* ahead = static_cast<const char*>(t.ahead);
    if (t.residual_scale != nullptr)
        for (int r = 0; r < t.rows; ++r) __builtin_prefetch(t.residual + r * t.residual_row);
    sum_tile(t, state.sums[1 - state.last], [&] {
        for (std::int64_t i = 0; i < fetched; i += 64) __builtin_prefetch(ahead + i, 0, 2);
        ahead += fetched;
        finish_pending(state, rows);
    });
    state.last = 1 - state.last;
    state.pending = t;
    state.done = 0;
}

inline void open_tiles(void* memory) {
    auto& state = *static_cast<TileState*>(memory);
    state.pending.rows = state.done = state.last = state.rows = state.depth = 0;
}

inline void close_tiles(void* memory) {
    auto& state = *static_cast<TileState*>(memory);
    finish_pending(state, state.pending.rows);
    if (state.rows != 0) Tiles::release();
}

constexpr QconvVariant kQconvOnTiles{kQconvIsa,
                                     kTileColumns,
                                     4,
                                     1,
                                     kMostTileVectors,
                                     {0, kMostTileRows, kMostTileRows, kMostTileRows, kMostTileRows},
                                     qconv_tile,
                                     qconv_gather,
                                     kTileRowBytes,
                                     sizeof(TileState),
                                     open_tiles,
                                     close_tiles};

}  // namespace
}  // namespace keel::kernels::simd
