// Turns a matrix of words of 32 bits; include avx512.h first.
#pragma once

#include <stdint.h>

#include <utility>

#include "kernels/simd/loops.h"

namespace keel::kernels::simd {
namespace {

/// Of two rows that are kStep apart, every other kStep lanes change places: where that is done for steps of 1, 2, 4 and
/// 8, a block is turned.
template <int kStep, int... kLanes>
inline Vec upper_row(Vec a, Vec b, std::integer_sequence<int, kLanes...>) {
    return __builtin_shufflevector(a, b, ((kLanes & kStep) == 0 ? kLanes : kLanes - kStep + 16)...);
}
template <int kStep, int... kLanes>
inline Vec lower_row(Vec a, Vec b, std::integer_sequence<int, kLanes...>) {
    return __builtin_shufflevector(a, b, ((kLanes & kStep) == 0 ? kLanes + kStep : kLanes + 16)...);
}

template <int kStep>
inline void exchange(Vec (&rows)[16]) {
    constexpr std::make_integer_sequence<int, 16> kLanes;
    for (int r = 0; r < 16; ++r) {
        if ((r & kStep) != 0) continue;
        const Vec a = rows[r], b = rows[r + kStep];
        rows[r] = upper_row<kStep>(a, b, kLanes);
        rows[r + kStep] = lower_row<kStep>(a, b, kLanes);
    }
}

inline void turn_block(Vec (&rows)[16]) {
    exchange<1>(rows);
    exchange<2>(rows);
    exchange<4>(rows);
    exchange<8>(rows);
}

/// dst[j * dst_row + i] = src[i * src_row + j] for i < rows, j < columns.
inline void turn_words(std::int64_t rows, std::int64_t columns, const float* src, std::int64_t src_row, float* dst,
                       std::int64_t dst_row) {
    static_assert(kWidth == 16);
    for_lanes(rows, [&](std::int64_t i, auto of_rows) {
        for_lanes(columns, [&](std::int64_t j, auto of_columns) {
            Vec block[16] = {};
            for (std::int64_t r = 0; r < 16 && i + r < rows; ++r)
                block[r] = load(src + (i + r) * src_row + j, of_columns);
            turn_block(block);
            for (std::int64_t c = 0; c < 16 && j + c < columns; ++c)
                store(dst + (j + c) * dst_row + i, block[c], of_rows);
        });
    });
}

}  // namespace
}  // namespace keel::kernels::simd
