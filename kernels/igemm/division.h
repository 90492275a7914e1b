// How passes of convolutions are divided among a team of threads: pure functions of the geometry and the team's size.
// The kernels run what they say, and so does whoever asks about larger teams than the machine has.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/conv/conv.h"
#include "kernels/igemm/split.h"
#include "kernels/reduce/columns.h"

namespace keel::kernels {

/// What a variant's register tile holds at most.
struct TileShape {
    std::int64_t rows, columns;
    std::int64_t row_unit = 1;  ///< so many rows cost as much as one
};

/// Rows of a result in chunks and its columns in panels; a thread's share has some of both, and a part is a piece of
/// its rows.
struct GridDivision {
    std::int64_t tile_rows;  ///< of a register tile
    RowChunks chunks;
    std::int64_t together;  ///< chunks that are made at once, at most
    std::int64_t panels;
    Split split;
    std::int64_t pieces = 1;  ///< of a share

    /// Cuts the shares of a long pass; piece_count() says how.
    void cut(std::int64_t multiply_adds) {
        const std::int64_t rows = chunks.end(chunks.count() - 1);
        pieces = pieces_of_share(rows / split.rows, chunks.count() / split.rows, multiply_adds);
    }
    std::int64_t parts() const { return split.parts() * pieces; }
    Range chunks_of(std::int64_t index) const {
        const std::int64_t share = index / pieces;
        return piece_of(part(chunks.count(), split.rows, share / split.columns), pieces, index % pieces);
    }
    Range panels_of(std::int64_t index) const { return part(panels, split.columns, index / pieces % split.columns); }
    /// Returns the most rows that chunks made at once have.
    std::int64_t rows_together() const { return together * chunks.rows(0); }
};

/// Divides `rows` grid points x columns. With `sinks`, chunks are those of chunk_rows(), which an epilogue takes;
/// without, they are register tiles.
GridDivision divide_points(std::int64_t rows, std::int64_t columns, const TileShape& tile, std::int64_t threads,
                           bool sinks);

/// The same of Winograd's algorithm: rows are its tiles, and with `sinks` a chunk is one or more lines of them.
GridDivision divide_winograd(const Conv2dGeometry& g, const TileShape& tile, std::int64_t threads, bool sinks);

/// Tiles of a block of Winograd's algorithm, with fewer of which the weights would be read more often than the caches
/// save.
inline constexpr std::int64_t kLeastWinogradTiles = 48;

/// The gradient of weights: each of `products` positions of a row is an outer product of ic and oc channels. Preparing
/// a channel of src or diff_dst for one of them takes as long as ic_cost or oc_cost multiply-adds of a vector of
/// columns.
struct WeightsWork {
    std::int64_t rows, products, ic, oc, ic_cost, oc_cost;
    std::int64_t elements;  ///< of the gradient
};

/// Whether rows of the kernel can read what is packed of src once: a row of them further on, which are whole words.
bool packs_rows_once(const Conv2dGeometry& g, std::int64_t word);

WeightsWork igemm_weights_work(const Conv2dGeometry& g, std::int64_t columns);
WeightsWork winograd_weights_work(const Conv2dGeometry& g, std::int64_t columns);

/// It is divided by rows of the maps and by channels. Sums depend on the groups alone.
struct WeightsPlan {
    std::int64_t groups;  ///< of rows, each with gradients of its own, summed in order at the end
    Split channels;       ///< in tiles of the variant
    std::int64_t parts() const { return groups * channels.parts(); }
};

/// Returns how many groups the work itself asks for, whatever the team: as many as cost less than a hundredth of the
/// products and little memory, so that there are pieces for whoever is free, and the sums are the same for all teams.
std::int64_t groups_of_sums(const WeightsWork& work);

/// Returns the plan with the least work for the busiest thread: its parts of the products, of the preparation, and of
/// the sum over the groups. These are groups_of_sums(), unless others save more than a hundredth of a step and sums are
/// not `fixed`.
WeightsPlan plan_weights(const WeightsWork& work, const TileShape& tile, std::int64_t threads, bool fixed);

/// A part: rows counted through all images, channels of src and of diff_dst.
struct WeightsShare {
    Range rows, ic, oc;
};

WeightsShare weights_share(const WeightsWork& work, const WeightsPlan& plan, const TileShape& tile, std::int64_t index);

}  // namespace keel::kernels
