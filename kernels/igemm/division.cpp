#include "kernels/igemm/division.h"

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include "kernels/igemm/winograd_tiles.h"
#include "kernels/parallel.h"

namespace keel::kernels {
namespace {

/// Floats of the chunks that are made at once and then given to an epilogue, while they are in the cache.
constexpr std::int64_t kTogetherFloats = 32 << 10;

/// A register tile of fewer rows does less with each load of weights: as if it had so many rows more.
constexpr std::int64_t kLoadRows = 2;

/// Gradients of weights are a quarter of a step: what saves so much of them saves a hundredth of it, for which sums may
/// differ from team to team. What sums over groups may cost of the products.
constexpr double kWorthOtherSums = 0.04, kShareOfSums = 0.01;
/// What adding a gradient of one group to another's costs, in multiply-adds at full rate; how many groups, and floats
/// of all of them, a layer asks for at most.
constexpr std::int64_t kSumCost = 8, kMostGroups = 8, kGroupsFloats = 1 << 20;

/// Divides rows x panels into register tiles of even height and whole units of rows, lower ones where a team would else
/// find too few or an uneven number of them.
GridDivision divide_tiles(std::int64_t rows, std::int64_t panels, const TileShape& tile, std::int64_t threads) {
    const std::int64_t unit = tile.row_unit;
    std::int64_t best_height = unit, least = 0;
    Split best{1, 1};
    for (std::int64_t tiles = chunk_count(rows, tile.rows), last = 0; tiles <= rows; ++tiles) {
        const std::int64_t height = chunk_count(chunk_count(rows, tiles), unit) * unit;
        if (height == last) continue;
        last = height;
        const std::int64_t count = chunk_count(rows, height);
        const Split split = split_units(count, panels, threads);
        const std::int64_t work =
            chunk_count(count, split.rows) * (height + kLoadRows) * (4 * chunk_count(panels, split.columns) + 1);
        if (least == 0 || work < least) {
            least = work;
            best_height = height;
            best = split;
        }
        if (height == unit) break;
        tiles = std::max(tiles, chunk_count(rows, height - unit) - 1);  // to the next height
    }
    return {best_height, RowChunks(rows, best_height), 1, panels, best};
}

/// What a division of the channels costs the busiest thread, for so many groups of rows.
double plan_cost(const WeightsWork& work, const TileShape& tile, std::int64_t threads, const WeightsPlan& plan) {
    const std::int64_t widths = chunk_count(work.ic, tile.rows), panels = work.oc / tile.columns;
    const auto products = static_cast<double>(chunk_count(work.rows, plan.groups) * work.products);
    const auto ic = static_cast<double>(chunk_count(widths, plan.channels.rows) * tile.rows);
    const auto oc = static_cast<double>(chunk_count(panels, plan.channels.columns) * tile.columns);
    const double each =
        products * (ic * oc + static_cast<double>(work.ic_cost) * ic + static_cast<double>(work.oc_cost) * oc);
    const auto sum = static_cast<double>((plan.groups - 1) * kSumCost * work.elements) / static_cast<double>(threads);
    return static_cast<double>(chunk_count(plan.parts(), threads)) * each + sum;
}

}  // namespace

GridDivision divide_points(std::int64_t rows, std::int64_t columns, const TileShape& tile, std::int64_t threads,
                           bool sinks) {
    const std::int64_t panels = columns / tile.columns;
    if (!sinks) return divide_tiles(rows, panels, tile, threads);
    const std::int64_t each = chunk_count(chunk_rows(rows, columns), tile.rows) * tile.rows;
    RowChunks chunks(rows, each);
    const Split split = split_units(chunks.count(), panels, threads);
    return {tile.rows, std::move(chunks), std::max<std::int64_t>(1, kTogetherFloats / (each * columns)), panels, split};
}

GridDivision divide_winograd(const Conv2dGeometry& g, const TileShape& tile, std::int64_t threads, bool sinks) {
    const WinogradTiles tiles(g);
    const std::int64_t panels = g.oc / tile.columns;
    if (!sinks) return divide_tiles(tiles.count(), panels, tile, threads);
    const std::int64_t each =
        std::max<std::int64_t>(1, chunk_rows(tiles.pixels_before(tiles.rows()), g.oc) / (2 * g.ow())) * tiles.w;
    RowChunks chunks(tiles.count(), each);
    const Split split = split_units(chunks.count(), panels, threads);
    // As many chunks at once as leave the fewest rows of register tiles idle.
    const auto padded = [&](std::int64_t count) { return chunk_count(count, tile.rows) * tile.rows; };
    std::int64_t together = 1;
    for (std::int64_t more = 2; more * each <= 2 * kLeastWinogradTiles; ++more)
        if (padded(more * each) * together <= padded(together * each) * more) together = more;
    return {tile.rows, std::move(chunks), together, panels, split};
}

bool packs_rows_once(const Conv2dGeometry& g, std::int64_t word) {
    return g.kh > 1 && g.stride_h == 1 && g.ow() % word == 0;
}

WeightsWork igemm_weights_work(const Conv2dGeometry& g, std::int64_t columns) {
    const std::int64_t taps = std::int64_t{g.kh} * g.kw;
    return {g.n * g.oh(), g.ow() * taps, g.ic, g.oc, 2 * columns / taps, 1, taps * g.ic * g.oc};
}

WeightsWork winograd_weights_work(const Conv2dGeometry& g, std::int64_t columns) {
    const WinogradTiles tiles(g);
    const std::int64_t transform = 3 * columns / kWinogradPositions;
    return {tiles.rows(), tiles.w * kWinogradPositions, g.ic, g.oc, transform, transform, 9 * g.ic * g.oc};
}

std::int64_t groups_of_sums(const WeightsWork& work) {
    const auto products = static_cast<double>(work.rows * work.products * work.ic * work.oc);
    const auto cheap =
        static_cast<std::int64_t>(kShareOfSums * products / static_cast<double>(kSumCost * work.elements));
    const std::int64_t most = std::min({cheap, kGroupsFloats / work.elements, work.rows, kMostGroups});
    // Of a power of two, as the rows of a batch often are.
    return static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(std::max<std::int64_t>(1, most))));
}

WeightsPlan plan_weights(const WeightsWork& work, const TileShape& tile, std::int64_t threads, bool fixed) {
    const std::int64_t widths = chunk_count(work.ic, tile.rows), panels = work.oc / tile.columns;
    WeightsPlan best{groups_of_sums(work), {1, 1}};
    double least = plan_cost(work, tile, threads, best);
    const auto consider = [&](std::int64_t groups, std::int64_t parts, double enough) {
        const WeightsPlan plan{groups, split_units(widths, panels, parts)};
        const double cost = plan_cost(work, tile, threads, plan);
        if (cost >= std::min(least, enough)) return;
        best = plan;
        least = cost;
    };
    // One or two parts for each thread.
    for (std::int64_t parts = 2; parts * best.groups <= std::min(2 * threads, kMostParts); ++parts)
        consider(best.groups, parts, least);
    const double enough = (1 - kWorthOtherSums) * least;
    for (std::int64_t groups = 1; !fixed && groups <= std::min(threads, work.rows); ++groups)
        consider(groups, threads / groups, enough);
    return best;
}

WeightsShare weights_share(const WeightsWork& work, const WeightsPlan& plan, const TileShape& tile,
                           std::int64_t index) {
    const std::int64_t parts = plan.channels.parts(), of_channels = index % parts;
    const Range ic = part(chunk_count(work.ic, tile.rows), plan.channels.rows, of_channels / plan.channels.columns);
    const Range oc = part(work.oc / tile.columns, plan.channels.columns, of_channels % plan.channels.columns);
    return {part(work.rows, plan.groups, index / parts),
            {ic.begin * tile.rows, std::min(ic.end * tile.rows, work.ic)},
            {oc.begin * tile.columns, oc.end * tile.columns}};
}

}  // namespace keel::kernels
