// The variants of convolution of quantized values: register tiles and the gathering that feeds them. All serial;
// qconv.cpp walks the tiles. A source element is a u8 where the ISA multiplies bytes (VNNI), else an s16 (of 0 ...
// 255): vpmaddubsw, which multiplies bytes without VNNI, saturates its sums of two products to s16, vpmaddwd of s16
// does not.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/isa.h"

namespace keel::kernels {

/// A tile's pixels at one segment, `row` source elements apart.
struct QconvSource {
    const void* first;
    std::int64_t row;
};

/// dst[r][j] of rows x columns; see qconv.h for the formula.
struct QconvTile {
    int rows, vectors;  ///< at most the variant's; rows: as many times over as it stacks
    const QconvSource* src;
    std::int64_t segments, depth;  ///< depth: whole groups
    const void* weights;           ///< [segments][depth / group][vectors * width][group], padded as QconvPlan says
    const float *scale, *shift;    ///< [vectors * width]
    const float* residual_scale;   ///< likewise, or null
    const std::uint8_t* residual;  ///< rows of `columns`, residual_row apart
    std::int64_t residual_row;
    float least;
    std::int64_t columns;  ///< wanted: at most vectors * width, in the last vector at least one
    std::uint8_t* dst;     ///< rows of them, dst_row apart; or null:
    float* floats;
    std::int64_t dst_row;
    const void* ahead;        ///< what to fetch into the second-level cache meanwhile,
    std::int64_t ahead_step;  ///< so many bytes on with each group
    void* state;              ///< of the thread, where the variant has some
    std::int32_t* sums;       ///< rows of vectors * width, dense, that take the sums as they are; or null
};

/// dst[r * dst_row + k] = prologue(src[r][k]) for r < rows, k < depth, as source elements. See QuantPrologue.
struct QconvGather {
    int rows;
    const std::uint8_t* const* src;
    const bool* inside;  ///< rows; where not, src[r] is taken as it is
    std::int64_t depth;
    const std::uint8_t *low, *high;
    const float *scale, *shift;
    void* dst;
    std::int64_t dst_row;
};

/// The source of one tile of F(m x m, 3x3), m = 2 or 4: v[(m + 2) y + x][c] = (B^T d B)[y][x] of the pixels d[y][x] =
/// src[(m + 2) y + x][c], in s16. Columns c from depth up to whole vectors of s16 are made of zeros.
struct QwinogradSource {
    const void* src[36];
    bool wide;  ///< pixels are of s16, else of u8
    std::int64_t depth;
    std::int16_t* v;
    std::int64_t v_position;  ///< elements between positions
};

/// The exact sums of such a tile: sums[m y + x][j] (+)= (A^T m A)[y][x] of m[(m + 2) y + x][j], as winograd.h says, for
/// j < vectors * width.
struct QwinogradResult {
    const std::int32_t* m;
    std::int64_t m_position;
    int vectors;
    std::int32_t* sums;
    bool add;
};

/// What Winograd's algorithm runs on (winograd.h): products of s16, whatever the direct sum multiplies. Index 0 of what
/// there are two of is F(2x2, 3x3), 1 is F(4x4, 3x3).
struct QwinogradVariant {
    int width;                         ///< columns of a vector
    int vectors;                       ///< of a tile, at most
    int rows;                          ///< of a tile of as many vectors, at most
    void (*tile)(const QconvTile& t);  ///< of source elements of s16, whose group is two
    void (*source[2])(const QwinogradSource& t);
    void (*result[2])(const QwinogradResult& t);
    /// Does with sums [rows][vectors * width] what a tile does with its own.
    void (*finish)(const QconvTile& t, const std::int32_t* sums);
};

inline constexpr int kQconvMostRows = 32, kQconvMostVectors = 4;

struct QconvVariant {
    Isa isa;
    int width;                        ///< columns of a vector
    int group;                        ///< products that one instruction sums
    int bytes;                        ///< of a source element, and of a weight
    int vectors;                      ///< of a tile, at most
    int rows[kQconvMostVectors + 1];  ///< of a tile of so many vectors, at most
    void (*tile)(const QconvTile& t);
    void (*gather)(const QconvGather& t);
    int block = 0;                ///< products that one instruction reads at most; 0: those of a group
    std::size_t state_bytes = 0;  ///< of a thread, aligned to 64,
    void (*open)(void* state) = nullptr;
    void (*close)(void* state) = nullptr;        ///< finishes what the tiles left to be done
    const QwinogradVariant* winograd = nullptr;  ///< null: the direct sum is always the faster one
    /// Tiles whose rows lie one after the other may be asked for as one, so many at most: the second one finds the
    /// weights in the first-level cache.
    int stack = 1;
};

extern const QwinogradVariant qwinograd_avx512_vnni, qwinograd_avx512, qwinograd_avx_vnni, qwinograd_avx2;
extern const QconvVariant qconv_amx, qconv_avx512_vnni, qconv_avx512, qconv_avx_vnni, qconv_avx2, qconv_scalar;
inline constexpr const QconvVariant* qconv_variants[] = {&qconv_amx,      &qconv_avx512_vnni, &qconv_avx512,
                                                         &qconv_avx_vnni, &qconv_avx2,        &qconv_scalar};

}  // namespace keel::kernels
