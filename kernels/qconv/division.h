// How a convolution of quantized values is divided among threads: pure functions of its plan and the team's size.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/igemm/split.h"
#include "kernels/qconv/plan.h"

namespace keel::kernels {

/// Pixels of the result, counted through all images, cut into pieces of `piece`, and those into tiles of `rows`. Tiles
/// are counted through as well; the last of a piece may have fewer rows, and where pieces are not even, the last ones
/// none.
struct Tiling {
    std::int64_t points, piece, rows, of_piece;  ///< of_piece: tiles

    Tiling(std::int64_t all, std::int64_t share, std::int64_t most)
        : points(all), piece(share), rows(even_share(piece, most)), of_piece(chunk_count(piece, rows)) {}
    std::int64_t tiles() const { return chunk_count(points, piece) * of_piece; }
    Range tile(std::int64_t index) const {
        const std::int64_t begin = index / of_piece * piece, first = begin + index % of_piece * rows;
        return {first, std::min({first + rows, begin + piece, points})};
    }
};

/// Tiles and panels, those of all groups counted through; a part takes some of both.
struct QconvDivision {
    Tiling tiling;
    std::int64_t panels;
    Split split;

    Range tiles_of(std::int64_t index) const { return part(tiling.tiles(), split.rows, index / split.columns); }
    Range panels_of(std::int64_t index) const { return part(panels, split.columns, index % split.columns); }
};

QconvDivision divide_qconv(const QconvPlan& plan, std::int64_t n, std::int64_t threads);

}  // namespace keel::kernels
