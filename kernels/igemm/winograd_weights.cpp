// The gradient of the weights by Winograd's algorithm: chunks of tiles are transformed, then each of the 16 positions is an outer
// product over the chunk's tiles.
#include <algorithm>

#include "kernels/dispatch.h"
#include "kernels/igemm/winograd.h"
#include "kernels/igemm/winograd_tiles.h"
#include "kernels/parallel.h"
#include "kernels/scratch.h"

namespace keel::kernels {
namespace {

/// Transformed tiles of a chunk stay in the third-level cache.
constexpr std::int64_t kChunkFloats = 2 << 20;
/// Tiles that a register tile of the products sums before it turns to the next channels: their rows stay in the first-level cache.
constexpr std::int64_t kDepth = 96;
/// Between rows of v, so that rows of a power of two do not all fall into the same sets of the cache.
constexpr std::int64_t kRowPadding = 16;

struct Job {
    const IgemmVariant& variant;
    const Conv2dGeometry& g;
    WinogradTiles tiles;
    ConstMap src;
    const ConvAffine& affine;
    ConstMap diff_dst;
    std::int64_t chunk;       ///< tiles at a time
    float *v, *z, *products;  ///< [position][tile][v_row], [position][panel][tile][columns], [position][panel][ic][columns]

    std::int64_t v_row() const { return g.ic + kRowPadding; }
    std::int64_t v_position() const { return chunk * v_row(); }
    std::int64_t z_panel() const { return chunk * variant.columns; }
    std::int64_t z_position() const { return chunk * g.oc; }
};

void transform(const Job& job, std::int64_t first, std::int64_t count) {
    parallel_for(count, 8, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t t = begin; t < end; ++t) {
            const WinogradTile tile = job.tiles.at(first + t);
            job.tiles.transform_source(job.variant, tile, job.src, job.affine, job.v + t * job.v_row(), job.v_position());
            WinogradGradient gradient{
                {}, job.g.oc, job.variant.columns, job.z + t * job.variant.columns, job.z_position(), job.z_panel()};
            job.tiles.pixels(tile,
                             [&](int i, std::int64_t pixel) { gradient.diff[i] = job.diff_dst.data + pixel * job.diff_dst.ld; });
            job.variant.winograd_gradient(gradient);
        }
    });
}

/// One panel of one position.
void multiply(const Job& job, std::int64_t position, std::int64_t panel, std::int64_t count, bool accumulate) {
    const std::int64_t columns = job.variant.columns, rows = job.variant.rows;
    const std::int64_t start = 0;
    float* products = job.products + (position * job.g.oc + panel * columns) * job.g.ic;
    IgemmOuter t{};
    t.a_segments = t.b_segments = &start;
    t.segments = 1;
    t.a_step = job.v_row();
    t.fetch = job.v;
    t.fetch_every = kDepth;
    for (std::int64_t k = 0; k < count; k += kDepth) {
        t.length = std::min(kDepth, count - k);
        t.b = job.z + position * job.z_position() + panel * job.z_panel() + k * columns;
        t.accumulate = accumulate || k > 0;
        for (std::int64_t i = 0; i < job.g.ic; i += rows) {
            t.a = job.v + position * job.v_position() + k * job.v_row() + i;
            t.weights = products + i * columns;
            t.valid = static_cast<int>(std::min(rows, job.g.ic - i));
            job.variant.outer(t);
        }
    }
}

std::int64_t chunk_tiles(const Conv2dGeometry& g, std::int64_t tiles) {
    const std::int64_t fit = std::max(kDepth, kChunkFloats / (kWinogradPositions * (g.ic + kRowPadding + g.oc)));
    return chunk_count(tiles, chunk_count(tiles, fit));
}

}  // namespace

void winograd_backward_weights(const Conv2dGeometry& g, ConstMap src, const ConvAffine& src_affine, ConstMap diff_dst,
                               float* diff_weights) {
    const auto& variant = select(igemm_variants);
    Job job{variant, g, WinogradTiles(g), src, src_affine, diff_dst, 0, nullptr, nullptr, nullptr};
    job.chunk = chunk_tiles(g, job.tiles.count());
    // A register tile reads whole rows of it even where the channels end: at the last channels that is the row's padding.
    const std::int64_t v = kWinogradPositions * job.v_position(), z = kWinogradPositions * job.z_position();
    job.v = reinterpret_cast<float*>(scratch(static_cast<std::size_t>(v + z + kWinogradPositions * g.ic * g.oc) * sizeof(float)));
    job.z = job.v + v;
    job.products = job.z + z;

    const std::int64_t panels = g.oc / variant.columns;
    for (std::int64_t first = 0; first < job.tiles.count(); first += job.chunk) {
        const std::int64_t count = std::min(job.chunk, job.tiles.count() - first);
        transform(job, first, count);
        parallel_for(kWinogradPositions * panels, 1, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) multiply(job, i / panels, i % panels, count, first > 0);
        });
    }
    const std::int64_t panel = g.ic * variant.columns;
    parallel_for(panels, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t q = begin; q < end; ++q)
            variant.winograd_weights_gradient({job.products + q * panel, g.ic * g.oc, panel, diff_weights + q * 9 * panel, panel});
    });
}

}  // namespace keel::kernels
