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
    int rows, vectors;  ///< at most the variant's
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
    void (*close)(void* state) = nullptr;  ///< finishes what the tiles left to be done
};

extern const QconvVariant qconv_amx, qconv_avx512_vnni, qconv_avx512, qconv_avx2, qconv_scalar;
inline constexpr const QconvVariant* qconv_variants[] = {&qconv_amx, &qconv_avx512_vnni, &qconv_avx512, &qconv_avx2,
                                                         &qconv_scalar};

}  // namespace keel::kernels
