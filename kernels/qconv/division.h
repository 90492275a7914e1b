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

/// Tiles and panels, those of all groups counted through; a thread's share has some of both, and a part is a piece of
/// its tiles. Of Winograd's algorithm the points are its tiles.
struct QconvDivision {
    Tiling tiling;
    std::int64_t panels;
    Split split;
    std::int64_t pieces = 1;  ///< of a share

    /// Cuts the shares of a long pass; piece_count() says how. Products of bytes take about half as long as others.
    void cut(std::int64_t multiply_adds) {
        pieces = pieces_of_share(tiling.points / split.rows, tiling.tiles() / split.rows, multiply_adds / 2);
    }
    std::int64_t parts() const { return split.parts() * pieces; }
    Range tiles_of(std::int64_t index) const {
        const std::int64_t share = index / pieces;
        return piece_of(part(tiling.tiles(), split.rows, share / split.columns), pieces, index % pieces);
    }
    Range panels_of(std::int64_t index) const { return part(panels, split.columns, index / pieces % split.columns); }
};

QconvDivision divide_qconv(const QconvPlan& plan, std::int64_t n, std::int64_t threads);

}  // namespace keel::kernels
