// The weights of Winograd's algorithm, as its products read them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "kernels/igemm/transpose.h"
#include "kernels/igemm/variants.h"
#include "kernels/igemm/winograd.h"
#include "kernels/igemm/winograd_tiles.h"
#include "kernels/parallel.h"

namespace keel::kernels {

/// Columns of a variant at most, and rows of weights that are transformed at a time.
inline constexpr std::int64_t kMostColumns = 32, kMostWeightRows = 32;

/// Transformed weights, [position][panel][depth][columns]: of f32, or words of two rows of the depth, rounded to bf16.
class TransformedWeights {
public:
    /// `halves`: null for f32. `to` holds floats().
    TransformedWeights(const IgemmBf16Variant* halves, const Conv2dGeometry& g, float* to)
        : halves_(halves), depth_(g.ic), position_(g.ic * g.oc), to_(to) {}

    static std::int64_t floats(const Conv2dGeometry& g, bool halves) {
        return winograd_weights_floats(g) / (halves ? 2 : 1);
    }

    /// Transforms `rows` <= kMostWeightRows rows of a panel's depth from `first` on, of taps that are `tap` floats
    /// apart.
    void put(const IgemmVariant& variant, std::int64_t panel, std::int64_t first, std::int64_t rows, const float* taps,
             std::int64_t tap) const {
        const std::int64_t floats = rows * variant.columns, at = (panel * depth_ + first) * variant.columns;
        if (halves_ == nullptr) return variant.winograd_weights({taps, tap, floats, to_ + at, position_});
        alignas(64) std::array<float, kWinogradPositions * kMostWeightRows * kMostColumns> u;
        variant.winograd_weights({taps, tap, floats, u.data(), floats});
        for (std::int64_t p = 0; p < kWinogradPositions; ++p)
            halves_->pair_rows({rows / 2, u.data() + p * floats, to_ + (p * position_ + at) / 2});
    }

private:
    const IgemmBf16Variant* halves_;
    std::int64_t depth_, position_;
    float* to_;
};

/// Transforms the panels [oc / columns][3][3][ic][columns].
inline void transform_weights(const IgemmVariant& variant, const Conv2dGeometry& g, const float* weights,
                              const TransformedWeights& to) {
    const std::int64_t panel = g.ic * variant.columns, along = chunk_count(g.ic, kMostWeightRows);
    parallel_for(g.oc / variant.columns * along, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            const std::int64_t q = i / along, first = i % along * kMostWeightRows;
            to.put(variant, q, first, std::min(kMostWeightRows, g.ic - first),
                   weights + q * 9 * panel + first * variant.columns, panel);
        }
    });
}

/// Transforms the flipped, transposed weights likewise: panels are [ic / columns][oc][columns] here. A block of columns
/// x columns is transposed tap by tap, then transformed.
inline void transform_backward_weights(const IgemmVariant& variant, const Conv2dGeometry& g, const float* weights,
                                       const TransformedWeights& to) {
    const std::int64_t columns = variant.columns, block = columns * columns, across = g.oc / columns;
    parallel_for(g.ic / columns * across, 1, [&](std::int64_t begin, std::int64_t end) {
        std::array<float, 9 * kMostColumns * kMostColumns> turned;
        for (std::int64_t i = begin; i < end; ++i) {
            const std::int64_t q = i / across, from = i % across;
            for (std::int64_t tap = 0; tap < 9; ++tap)
                igemm::transpose_block(columns, weights + ((from * 9 + 8 - tap) * g.ic + q * columns) * columns,
                                       turned.data() + tap * block);
            to.put(variant, q, from * columns, columns, turned.data(), block);
        }
    });
}

}  // namespace keel::kernels
