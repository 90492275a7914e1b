// Implicit GEMM of bf16 on matrix tiles (AMX); see variants.h. Include a vector wrapper and kernels/igemm/tile_body.h
// first. A Word says how vectors round results, as there.
//
// Two by two tiles of sums, 32 rows x 32 columns, take two tiles of rows (16 x 16 words) and two of columns (16 words x
// 16) for four products: 4 loads at 8 cycles each against 4 products at 16 (Intel's optimization manual), so the
// products are what takes the time. Where the depth is no multiple of 16 words, the tiles of the last step have other
// shapes, and the others one register for rows and one for columns: 5 loads for 4 products, which is still less.
// Of 17 ... 31 rows the second tile begins at the 16th before the last, and so of columns. At most 16 rows are half
// the products, two at a time; it is weights that such a tile waits for.
// Sums leave the tiles through memory. What becomes of them is done with the vector units, a few rows between any two
// steps of the next panel's products.
#pragma once

#include "kernels/igemm/variants.h"
#include "kernels/simd/tiles.h"

namespace keel::kernels::simd {
namespace {

constexpr int kMatrixRows = 2 * kTileRows, kMatrixColumns = kColumns, kStep = kTileRowBytes / 4;
static_assert(kMatrixColumns == 2 * kStep);

/// What a thread keeps from tile to tile.
struct alignas(64) MatrixState {
    float sums[2][kMatrixRows * kMatrixColumns];  ///< of this panel and the one before
    int rows, columns, tail;                      ///< the shapes that the registers have; rows 0: none
};
static_assert(sizeof(MatrixState) <= kMostIgemmStateBytes);

/// 32 rows of 256 words are 32 KiB, of a first-level cache of 48 KiB.
constexpr std::int64_t kMatrixBlockDepth = 256;

/// Tiles 0 ... 3 are sums, 4 and 5 rows, 6 and 7 columns; with a tail, of `tail` words, 4 and 5 are rows and columns of
/// whole steps, 6 and 7 those of the last one.
inline void shape_matrix(MatrixState& state, int rows, int columns, int tail) {
    if (state.rows == rows && state.columns == columns && state.tail == tail) return;
    TileShapes shapes;
    for (int tile = 0; tile < 4; ++tile) shapes.set(tile, rows, 4 * columns);
    shapes.set(4, rows, 4 * kStep);
    shapes.set(7, tail == 0 ? kStep : tail, 4 * columns);
    if (tail == 0) {
        shapes.set(5, rows, 4 * kStep);
        shapes.set(6, kStep, 4 * columns);
    } else {
        shapes.set(5, kStep, 4 * columns);
        shapes.set(6, rows, 4 * tail);
    }
    Tiles::configure(shapes);
    state.rows = rows;
    state.columns = columns;
    state.tail = tail;
}

/// One factor of a product: `row` words between its rows; its second tile begins `second` words after the first one.
struct MatrixFactor {
    const float* first;
    std::int64_t row, second;

    std::int64_t row_bytes() const { return 4 * row; }
};

/// Calls body(tile) for kA x kB tiles of sums, counted 2 a + b.
template <int kA, int kB, class Body>
inline void for_sums(Body body) {
    body(std::integral_constant<int, 0>{});
    if constexpr (kB == 2) body(std::integral_constant<int, 1>{});
    if constexpr (kA == 2) body(std::integral_constant<int, 2>{});
    if constexpr (kA == 2 && kB == 2) body(std::integral_constant<int, 3>{});
}

template <int kA, int kB>
inline void whole_step(const MatrixFactor& a, const MatrixFactor& b) {
    Tiles::load<4>(a.first, a.row_bytes());
    Tiles::load<6>(b.first, b.row_bytes());
    Tiles::dot_halves<0, 4, 6>();
    if constexpr (kB == 2) {
        Tiles::load<7>(b.first + b.second, b.row_bytes());
        Tiles::dot_halves<1, 4, 7>();
    }
    if constexpr (kA == 2) {
        Tiles::load<5>(a.first + a.second, a.row_bytes());
        Tiles::dot_halves<2, 5, 6>();
        if constexpr (kB == 2) Tiles::dot_halves<3, 5, 7>();
    }
}

/// With one register for rows and one for columns.
template <int kA, int kB, int kRowsTile, int kColumnsTile>
inline void narrow_step(const MatrixFactor& a, const MatrixFactor& b) {
    Tiles::load<kRowsTile>(a.first, a.row_bytes());
    Tiles::load<kColumnsTile>(b.first, b.row_bytes());
    Tiles::dot_halves<0, kRowsTile, kColumnsTile>();
    if constexpr (kA == 2) {
        Tiles::load<kRowsTile>(a.first + a.second, a.row_bytes());
        Tiles::dot_halves<2, kRowsTile, kColumnsTile>();
    }
    if constexpr (kB == 2) {
        Tiles::load<kColumnsTile>(b.first + b.second, b.row_bytes());
        if constexpr (kA == 2) {
            Tiles::dot_halves<3, kRowsTile, kColumnsTile>();
            Tiles::load<kRowsTile>(a.first, a.row_bytes());
        }
        Tiles::dot_halves<1, kRowsTile, kColumnsTile>();
    }
}

/// Adds the products over `depth` words; meanwhile() is called once a step.
template <int kA, int kB, class Meanwhile>
inline void multiply_matrix(MatrixFactor a, MatrixFactor b, std::int64_t depth, Meanwhile meanwhile) {
    const bool has_tail = depth % kStep != 0;
    for (std::int64_t k = 0; k + kStep <= depth; k += kStep, a.first += kStep, b.first += kStep * b.row) {
        has_tail ? narrow_step<kA, kB, 4, 5>(a, b) : whole_step<kA, kB>(a, b);
        meanwhile();
    }
    if (!has_tail) return;
    narrow_step<kA, kB, 6, 7>(a, b);
    meanwhile();
}

/// Finishes a row of a panel's sums.
template <class Word>
inline void finish_row(const IgemmTile& t, std::int64_t column, int r, const float* sums) {
    const AllLanes all;
    for (std::int64_t i = 0; i < kMatrixColumns; i += kWidth) {
        const std::int64_t j = column + i;
        Vec v = load(sums + r * kMatrixColumns + i, all);
        if (t.bias != nullptr) v += load(t.bias + j, all);
        if (t.accumulate) v += load(t.dst[r] + j, all);
        if (t.rounded != nullptr) {
            if (t.residual != nullptr)
                v += Word::load_half(reinterpret_cast<const std::uint16_t*>(t.residual[r]) + j, all);
            Word::store_half(t.rounded[r] + j, t.relu ? relu(v) : v, all);
        } else {
            if (t.residual != nullptr) v += load(t.residual[r] + j, all);
            store(t.dst[r] + j, t.relu ? relu(v) : v, all);
        }
    }
}

/// The sums of one panel, to memory; meanwhile() is called once a step.
template <int kA, class Meanwhile>
inline void sum_panel(const IgemmTile& t, std::int64_t q, float* sums, Meanwhile meanwhile) {
    const std::int64_t second = t.rows - kTileRows;
    for_sums<kA, 2>([](auto tile) { Tiles::clear<tile>(); });
    MatrixFactor b{t.weights + q * t.weights_panel, kMatrixColumns, kStep};
    const bool ahead = t.ahead[0] != nullptr || t.ahead[1] != nullptr || t.ahead_weights.first != nullptr;
    for (std::int64_t tap = 0; tap < t.taps; ++tap, b.first += t.depth * kMatrixColumns) {
        const IgemmSource src = t.src[tap];
        const MatrixFactor a{src.first, src.row, second * src.row};
        const bool last = tap + 1 == t.taps;
        if (t.depth < kLine || (src.next == nullptr && !(ahead && last))) {
            multiply_matrix<kA, 2>(a, b, t.depth, meanwhile);
            continue;
        }
        Fetch fetch(t, q, src, last);
        std::int64_t left = t.depth;
        multiply_matrix<kA, 2>(a, b, t.depth, [&] {
            if (left >= kLine) fetch.step(t.ahead_weights);
            left -= kLine;
            meanwhile();
        });
    }
    for_sums<kA, 2>([&](auto tile) {
        Tiles::store<tile>(sums + tile / 2 * second * kMatrixColumns + tile % 2 * kStep, 4 * kMatrixColumns);
    });
}

inline MatrixState& matrix_state(void* state) { return *static_cast<MatrixState*>(state); }

template <class Word>
void tile_on_matrix(const IgemmTile& t) {
    MatrixState& state = matrix_state(t.state);
    shape_matrix(state, t.rows < kTileRows ? t.rows : kTileRows, kStep, static_cast<int>(t.depth % kStep));
    const auto steps = static_cast<int>(t.taps * ((t.depth + kStep - 1) / kStep));
    const int share = steps == 0 ? t.rows : (t.rows + steps - 1) / steps;
    for (std::int64_t q = 0; q < t.panels; ++q) {
        const float* before = state.sums[(q + 1) % 2];
        int done = q == 0 ? t.rows : 0;
        const auto finish_before = [&](int rows) {
            for (const int end = rows < t.rows - done ? done + rows : t.rows; done < end; ++done)
                finish_row<Word>(t, (q - 1) * kMatrixColumns, done, before);
        };
        const auto meanwhile = [&] { finish_before(share); };
        t.rows > kTileRows ? sum_panel<2>(t, q, state.sums[q % 2], meanwhile)
                           : sum_panel<1>(t, q, state.sums[q % 2], meanwhile);
        finish_before(t.rows);
    }
    for (int r = 0; r < t.rows; ++r)
        finish_row<Word>(t, (t.panels - 1) * kMatrixColumns, r, state.sums[(t.panels - 1) % 2]);
}

/// The sums of an outer product, turned: a row of them is a column of b.
template <int kB>
inline void sum_outer(const IgemmOuter& t) {
    const std::int64_t second = t.rows - kStep, row = 4 * t.rows;
    const auto at = [&](int tile) { return t.weights + tile / 2 * kTileRows * t.rows + tile % 2 * second; };
    for_sums<2, kB>([&](auto tile) {
        if (t.accumulate)
            Tiles::load<tile>(at(tile), row);
        else
            Tiles::clear<tile>();
    });
    const float* fetch = t.fetch;
    std::int64_t line = t.fetch_line, due = t.fetch_every;
    multiply_matrix<2, kB>({t.b, t.b_row, kTileRows * t.b_row}, {t.a, t.a_step, second}, t.length, [&] {
        for (; due > 0; due -= t.fetch_every) {
            __builtin_prefetch(fetch + line * kLine);
            if (++line < t.fetch_lines) continue;
            line = 0;
            fetch += t.fetch_ld;
        }
        due += kStep;
    });
    for_sums<2, kB>([&](auto tile) { Tiles::store<tile>(at(tile), row); });
}

inline void outer_on_matrix(const IgemmOuter& t) {
    shape_matrix(matrix_state(t.state), kTileRows, t.rows < kStep ? t.rows : kStep, static_cast<int>(t.length % kStep));
    t.rows > kStep ? sum_outer<2>(t) : sum_outer<1>(t);
}

inline void open_matrix(void* state) { matrix_state(state).rows = 0; }

inline void close_matrix(void* state) {
    if (matrix_state(state).rows != 0) Tiles::release();
}

}  // namespace
}  // namespace keel::kernels::simd
