// The variants of implicit GEMM: register tiles and the packing that feeds them. All serial; igemm.cpp walks the tiles.
// What a lane multiplies is a word of 32 bits: an f32, or two bf16, the first in the lower half, whose products are
// both added to a sum of f32. Depths and distances are counted in words, so that both have the same tiles.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/isa.h"

namespace keel::kernels {

/// A tile's pixels at one tap, `row` words apart.
struct IgemmSource {
    const float* first;
    std::int64_t row;
    const float* const* next = nullptr;  ///< rows pixels that the next tile is the first to read, fetched meanwhile
};

/// Weights that are wanted soon: lines [begin, end) of panels of panel_lines cache lines, `panel` floats apart.
struct IgemmAhead {
    const float* first = nullptr;
    std::int64_t panel_lines = 0, panel = 0, begin = 0, end = 0;
};

/// dst[r][j] = relu?(bias[j] + sum over t < taps, k < depth of src[t].first[r * src[t].row + k] * weights[q][t][k][i] +
/// dst[r][j] where `accumulate` + residual[r][j]) for r < rows, j = q * columns + i, q < panels, i < columns.
struct IgemmTile {
    int rows;  ///< 1 ... the variant's
    const IgemmSource* src;
    std::int64_t taps, depth;  ///< depth is even
    const float* weights;
    std::int64_t weights_panel;  ///< floats from panel to panel; [taps][depth][columns] are dense
    std::int64_t panels;
    float* const* dst;             ///< rows pixels
    const float* bias;             ///< panels * columns, or null: 0
    const float* const* residual;  ///< rows pixels, or null
    /// Rows pixels of panels * columns channels, fetched into the cache meanwhile, or null.
    const float* const* ahead[2];
    IgemmAhead ahead_weights;  ///< likewise, into the second-level cache
    bool accumulate, relu;
    /// Rows pixels of bf16 that take the results, rounded, in place of dst; `residual` is of bf16 then. Null: dst takes
    /// them. Where the variant rounds (IgemmBf16Variant).
    std::uint16_t* const* rounded = nullptr;
    void* state = nullptr;      ///< of the thread, where the variant has some
    bool halves_ahead = false;  ///< `ahead` is of bf16
};

/// dst[r * dst_row + k] = relu?(src[r][k] * scale[k] + shift[k]) for r < rows, k < depth. Null scale: a copy. Of words
/// of two channels, scale and shift are of each.
struct IgemmGather {
    int rows;
    const float* const* src;
    std::int64_t depth;
    const float *scale, *shift;  ///< [depth * channels of a word]
    bool relu;
    float* dst;
    std::int64_t dst_row;
};

/// weights[i][j] (+)= sum over p < length of a[p * a_step + i] * b[p * columns + j] for i < rows, j < columns: a tile
/// of the gradient of the weights. Words of bf16 are of two pixels here.
struct IgemmOuter {
    int rows;  ///< 1 ... the variant's
    const float *a, *b;
    std::int64_t length, a_step;
    /// A cache line is asked for with every `fetch_every` pixels: from here on those of pixels of fetch_lines lines,
    /// fetch_ld floats apart, of which the first has had fetch_line. What is packed next.
    const float* fetch;
    std::int64_t fetch_line, fetch_lines, fetch_ld, fetch_every;
    float* weights;  ///< [rows][columns], dense
    bool accumulate;
    void* state = nullptr;   ///< as of IgemmTile
    std::int64_t b_row = 0;  ///< where the variant turns: words between columns of b
};

/// Packs pixels into panels of `width` channels: dst[q * panel + (first + p) * width + i] = affine(src[p * ld + q *
/// width + i]) for q * width + i < channels, 0 beyond and where src is null. Each panel's end has room for `columns`
/// words more. Null scale: no affine. Two pixels of bf16 are a word, dst[q * panel + (first + p) / 2 * width + i]: an
/// even one clears its odd neighbor, so pixels are packed in order.
struct IgemmPack {
    std::int64_t first, pixels, channels, width;
    const void* src;
    std::int64_t ld;  ///< elements from pixel to pixel
    float* dst;
    std::int64_t panel;
    const float *scale, *shift;  ///< [channels]
    bool relu;
};

/// Where bf16 go: a word holds two neighbors of a row, or the same element of two rows, of which the lower half's is
/// written first.
enum class WordHalf : std::uint8_t { neighbors, lower, upper };

/// The sources of Winograd tiles side by side, F(2x2, 3x3): of tile i, v[4 y + x][c] = (B^T d B)[y][x] of the 4x4
/// pixels d[y][x] = affine(src[y * row + (2 i + x) * pixel + c]), zero where the row or column does not exist. Null
/// scale: no affine.
struct WinogradSource {
    const void* src;           ///< the first tile's first pixel, whether it exists or not
    std::int64_t row, pixel;   ///< elements from one to the next
    int rows_begin, rows_end;  ///< those that exist, of 4
    std::int64_t columns_begin, columns_end, tiles;
    std::int64_t depth;          ///< channels
    const float *scale, *shift;  ///< [depth]
    bool relu;
    float* v;
    std::int64_t v_position, v_tile;  ///< words between positions, and between tiles, or words that two of them share
    WordHalf half;                    ///< of bf16; lower, upper: of the first tile, its neighbor has the other one
    const void* next;                 ///< as src, of tiles whose pixels are fetched meanwhile; null: none
};

/// The result of a Winograd tile: dst[2 y + x][j] = relu?((A^T m A)[y][x] + bias[j] + residual[2 y + x][j]) of m[4 y +
/// x][j]. A null dst is not wanted. dst and residual are of f32, or of bf16 where `rounded` (IgemmBf16Variant::rounds).
struct WinogradResult {
    const float* m;
    std::int64_t m_position, columns;
    void* dst[4];
    const float* bias;        ///< [columns], or null
    const void* residual[4];  ///< null: none
    bool relu, rounded;
};

/// The weights of Winograd tiles: u[4 y + x][j] = (G w G^T)[y][x] of w[3 y + x][j], j < columns.
struct WinogradWeights {
    const float* w;
    std::int64_t w_tap, columns;
    float* u;
    std::int64_t u_position;
};

/// Tiles side by side of the gradient of the result: of tile i, z[4 y + x][j] = (A d A^T)[y][x] of the 2x2 pixels
/// d[y][x] = diff[y * row + (2 i + x) * pixel + j], zero where the row or column does not exist; z is in panels of
/// `panel_columns`, z_panel floats apart, in which a tile, or a word of two of them, follows the other.
struct WinogradGradient {
    const void* diff;         ///< the first tile's first pixel
    std::int64_t row, pixel;  ///< elements from one to the next
    int rows_end;             ///< rows that exist, of 2
    std::int64_t columns_end, tiles;
    std::int64_t columns, panel_columns;
    float* z;
    std::int64_t z_position, z_panel;
    WordHalf half;  ///< of bf16, lower or upper: of the first tile, its neighbor has the other one
};

/// The gradient of the weights: w[3 y + x][j] = (G^T u G)[y][x] of u[4 y + x][j], j < columns.
struct WinogradWeightsGradient {
    const float* u;
    std::int64_t u_position, columns;
    float* w;
    std::int64_t w_tap;
};

/// Weights as words of two rows: dst[k * columns + j] = {src[2 k * columns + j], src[(2 k + 1) * columns + j]}, rounded
/// to bf16, for k < words, j < columns.
struct IgemmPairRows {
    std::int64_t words;
    const float* src;
    float* dst;
};

/// dst[j] = relu?(src[j] + residual[j]) rounded to bf16, for j < columns. A null residual: 0.
struct IgemmRound {
    std::int64_t columns;
    const float* src;
    const std::uint16_t* residual;
    std::uint16_t* dst;
    bool relu;
};

/// dst[j * dst_row + i] = src[i * src_row + j] for i < rows, j < columns.
struct IgemmTurn {
    std::int64_t rows, columns;
    const float* src;
    std::int64_t src_row;
    float* dst;
    std::int64_t dst_row;
};

struct IgemmVariant {
    Isa isa;
    int rows, columns;  ///< of a tile; at most so many rows
    void (*tile)(const IgemmTile& t);
    void (*outer)(const IgemmOuter& t);
    void (*gather)(const IgemmGather& t);
    void (*pack)(const IgemmPack& t);
    void (*winograd_source)(const WinogradSource& t);
    void (*winograd_result)(const WinogradResult& t);
    void (*winograd_weights)(const WinogradWeights& t);
    void (*winograd_gradient)(const WinogradGradient& t);
    void (*winograd_weights_gradient)(const WinogradWeightsGradient& t);

    int row_unit = 1;  ///< so many rows cost as much as one
    int step = 2;  ///< words of the depth that one instruction reads: blocks of it are whole steps, where they can be
    /// Words that a tile reads from its pixels before it turns to the next panel: they stay in the first-level cache.
    std::int64_t block_depth = 576;
    /// Null, or what an outer product wants turned: b is [columns][b_row] then, and its result [columns][rows].
    void (*turn)(const IgemmTurn& t) = nullptr;
    /// Begin and end what a thread keeps, in kMostIgemmStateBytes aligned to 64, or null (variant_state.h).
    void (*open)(void* state) = nullptr;
    void (*close)(void* state) = nullptr;
};
inline constexpr std::size_t kMostIgemmStateBytes = 9 << 10;

extern const IgemmVariant igemm_avx512, igemm_avx2, igemm_scalar;
inline constexpr const IgemmVariant* igemm_variants[] = {&igemm_avx512, &igemm_avx2, &igemm_scalar};

/// The same of bf16, with the tiles of the f32 variant that the ISA has: it reads the same layout of weights. Sums of
/// products round as the instructions do, which the emulated ones do not imitate.
struct IgemmBf16Variant {
    Isa isa;
    IgemmVariant words;
    void (*pair_rows)(const IgemmPairRows& t);
    void (*round)(const IgemmRound& t);
    bool rounds = false;  ///< whether tiles and results of Winograd's write bf16 themselves
};

extern const IgemmBf16Variant igemm_bf16_amx, igemm_bf16_avx512_bf16, igemm_bf16_avx512, igemm_bf16_avx2,
    igemm_bf16_scalar;
inline constexpr const IgemmBf16Variant* igemm_bf16_variants[] = {
    &igemm_bf16_amx, &igemm_bf16_avx512_bf16, &igemm_bf16_avx512, &igemm_bf16_avx2, &igemm_bf16_scalar};

}  // namespace keel::kernels
