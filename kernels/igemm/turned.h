// What is turned for outer products of variants that want it so (IgemmVariant::turn).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "kernels/igemm/variants.h"

namespace keel::kernels::igemm {

/// Turns a panel of words, [length][columns] to [columns][row], where it is; `spare` has room for columns * row.
inline void turn_panel(const IgemmVariant& variant, std::int64_t length, std::int64_t row, float* panel, float* spare) {
    variant.turn({length, variant.columns, panel, variant.columns, spare, row});
    std::copy_n(spare, variant.columns * row, panel);
}

/// Turns the results of outer products back, in blocks of the variant's rows: `weights` are [rows][columns] then.
inline void turn_back(const IgemmVariant& variant, std::int64_t rows, float* weights) {
    std::array<float, 32 * 32> spare;
    const std::int64_t columns = variant.columns;
    for (std::int64_t i = 0; i < rows; i += variant.rows) {
        const std::int64_t some = std::min<std::int64_t>(variant.rows, rows - i);
        float* block = weights + i * columns;
        variant.turn({columns, some, block, some, spare.data(), columns});
        std::copy_n(spare.data(), some * columns, block);
    }
}

}  // namespace keel::kernels::igemm
