#include "kernels/igemm/winograd.h"

#include <algorithm>
#include <array>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/igemm/split.h"
#include "kernels/igemm/variants.h"
#include "kernels/igemm/winograd_tiles.h"
#include "kernels/scratch.h"

namespace keel::kernels {
namespace {

constexpr int kMostRows = 12;
/// Transformed source and products of a block of tiles stay in the second-level cache; but with fewer tiles than kLeastTiles the
/// weights would be read more often than that saves.
constexpr std::int64_t kBlockFloats = 144 << 10, kLeastTiles = 48;

/// The transform of the weights moves 100 bytes for each of their ic * oc kernels; at 7 bytes a cycle that is what the algorithm
/// saves on about 100 pixels.
constexpr std::int64_t kLeastPixels = 400;

/// What the threads share. Weights are transformed: [position][panel][ic][columns].
struct Job {
    const IgemmVariant& variant;
    const Conv2dGeometry& g;
    ConstMap src;
    const float* weights;
    const IgemmFusion& fusion;
    Map dst;

    WinogradTiles tiles;
};

/// To dst, whose first pixel is `first` of the map.
void transform_result(const Job& job, const WinogradTile& tile, std::int64_t position, const float* m, Map dst,
                      std::int64_t first) {
    WinogradResult t{m, position, job.g.oc, {}, job.fusion.bias, {}, job.fusion.relu};
    const ConstMap residual = job.fusion.residual;
    job.tiles.pixels(tile, [&](int i, std::int64_t pixel) {
        t.dst[i] = dst.floats() + (pixel - first) * dst.ld;
        if (residual.data != nullptr) t.residual[i] = residual.floats() + pixel * residual.ld;
    });
    job.variant.winograd_result(t);
}

/// What tile `index` of `count` fetches of the next position's weights, where few tiles pass by these.
IgemmAhead next_position(const Job& job, std::int64_t position, std::int64_t index, std::int64_t count) {
    constexpr std::int64_t kLine = 16, kFewTiles = 32;
    if (position + 1 == kWinogradPositions || count >= kFewTiles) return {};
    const std::int64_t floats = job.g.ic * job.g.oc;
    const Range share = part(floats / kLine, count, index);
    return {job.weights + (position + 1) * floats, floats / kLine, floats, share.begin, share.end};
}

/// m[position] = v[position] * weights[position]; `rows` is a multiple of `height`, that of the register tiles.
void multiply(const Job& job, std::int64_t rows, std::int64_t height, const float* v, float* m) {
    const Conv2dGeometry& g = job.g;
    const std::int64_t panel = g.ic * job.variant.columns;
    std::array<float*, kMostRows> dst;
    for (std::int64_t position = 0; position < kWinogradPositions; ++position)
        for (std::int64_t row = 0; row < rows; row += height) {
            for (int r = 0; r < height; ++r) dst[static_cast<std::size_t>(r)] = m + (position * rows + row + r) * g.oc;
            const IgemmSource src{v + (position * rows + row) * g.ic, g.ic};
            job.variant.tile({static_cast<int>(height),
                              &src,
                              1,
                              g.ic,
                              job.weights + position * g.ic * g.oc,
                              panel,
                              g.oc / job.variant.columns,
                              dst.data(),
                              nullptr,
                              nullptr,
                              {},
                              next_position(job, position, row / height, rows / height),
                              false,
                              false});
        }
}

/// Tiles of a block: rows of the products.
std::int64_t block_tiles(const Job& job) {
    const std::int64_t rows = job.variant.rows;
    const std::int64_t fit = std::max(kLeastTiles, kBlockFloats / (kWinogradPositions * (job.g.ic + job.g.oc)));
    const std::int64_t share = chunk_count(job.tiles.count(), thread_count());
    if (job.fusion.sink == nullptr && share <= fit) return share;
    return std::max<std::int64_t>(1, std::min(chunk_count(share, rows), fit / rows)) * rows;
}

/// The most rows that the products of so many tiles work on.
std::int64_t padded(const Job& job, std::int64_t tiles) { return chunk_count(tiles, job.variant.rows) * job.variant.rows; }

/// Rows of tiles of a sink's chunk: an even number of chunks, where that can be.
std::int64_t chunk_tile_rows(const Job& job) {
    const std::int64_t rows = job.tiles.rows();
    const std::int64_t most = std::max<std::int64_t>(1, chunk_rows(job.tiles.pixels_before(rows), job.g.oc) / (2 * job.g.ow()));
    for (std::int64_t each = most; 2 * each > most; --each)
        if (chunk_count(rows, each) % 2 == 0) return each;
    return most;
}

/// Chunks made together: at most two blocks, and those that leave the fewest rows of register tiles idle.
std::int64_t group_chunks(const Job& job) {
    const std::int64_t tiles = chunk_tile_rows(job) * job.tiles.w;
    std::int64_t best = 1;
    for (std::int64_t chunks = 2; chunks * tiles <= 2 * kLeastTiles; ++chunks)
        if (padded(job, chunks * tiles) * best <= padded(job, best * tiles) * chunks) best = chunks;
    return best;
}

/// `tiles` of them, in blocks, to dst, whose first pixel is `first_pixel` of the map.
void run_tiles(const Job& job, Range tiles, float* buffer, Map dst, std::int64_t first_pixel) {
    const std::int64_t rows = block_tiles(job);
    float *v = buffer, *m = v + kWinogradPositions * padded(job, rows) * job.g.ic;
    for (std::int64_t first = tiles.begin; first < tiles.end; first += rows) {
        const std::int64_t count = std::min(rows, tiles.end - first), height = even_share(count, job.variant.rows),
                           used = chunk_count(count, height) * height;
        for (std::int64_t t = 0; t < count; ++t)
            job.tiles.transform_source(job.variant, job.tiles.at(first + t), job.src, job.g.ic, job.fusion.src_affine,
                                       v + t * job.g.ic, used * job.g.ic);
        for (std::int64_t p = 0; p < kWinogradPositions && count < used; ++p)  // rows without a tile
            std::fill_n(v + (p * used + count) * job.g.ic, (used - count) * job.g.ic, 0.0F);
        multiply(job, used, height, v, m);
        for (std::int64_t t = 0; t < count; ++t)
            transform_result(job, job.tiles.at(first + t), used * job.g.oc, m + t * job.g.oc, dst, first_pixel);
    }
}

std::int64_t block_floats(const Job& job) { return kWinogradPositions * padded(job, block_tiles(job)) * (job.g.ic + job.g.oc); }

/// Of one thread: a block's, and a group of chunks that only the sink will see.
std::int64_t thread_floats(const Job& job) {
    const bool aside = job.fusion.sink != nullptr && job.dst.data == nullptr;
    return block_floats(job) + (aside ? group_chunks(job) * chunk_tile_rows(job) * 2 * job.g.ow() * job.g.oc : 0);
}

/// Each chunk of rows to the sink; a dst that is null is memory of the thread's behind its block.
void run_chunks(const Job& job, float* buffers) {
    const std::int64_t each = chunk_tile_rows(job), together = group_chunks(job), rows = job.tiles.rows();
    std::vector<std::int64_t> bounds;
    for (std::int64_t row = 0; row < rows; row += each) bounds.push_back(job.tiles.pixels_before(row));
    bounds.push_back(job.tiles.pixels_before(rows));
    const RowChunks chunks(bounds);
    job.fusion.sink->begin(chunks);
    const std::int64_t parts = std::min<std::int64_t>(thread_count(), chunks.count());
    parallel_for(parts, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            float* buffer = buffers + i * thread_floats(job);
            const Range share = part(chunks.count(), parts, i);
            for (std::int64_t first = share.begin; first < share.end; first += together) {
                const std::int64_t last = std::min(first + together, share.end), pixel = chunks.begin(first);
                const Map dst = job.dst.data == nullptr ? Map(buffer + block_floats(job), job.g.oc)
                                                        : Map(job.dst.floats() + pixel * job.dst.ld, job.dst.ld);
                run_tiles(job, {first * each * job.tiles.w, std::min(last * each, rows) * job.tiles.w}, buffer, dst, pixel);
                for (std::int64_t chunk = first; chunk < last; ++chunk)
                    job.fusion.sink->take(chunk, 0, job.g.oc, dst.floats() + (chunks.begin(chunk) - pixel) * dst.ld, dst.ld);
            }
        }
    });
}

void run(const Job& job, float* buffers) {
    if (job.fusion.sink != nullptr) return run_chunks(job, buffers);
    const std::int64_t rows = block_tiles(job), blocks = chunk_count(job.tiles.count(), rows),
                       parts = std::min<std::int64_t>(thread_count(), blocks);
    parallel_for(parts, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            const Range share = part(blocks, parts, i);
            run_tiles(job, {share.begin * rows, std::min(share.end * rows, job.tiles.count())}, buffers + i * thread_floats(job),
                      job.dst, 0);
        }
    });
}

/// Floats of run()'s buffers.
std::int64_t buffer_floats(const Job& job) { return thread_count() * thread_floats(job); }

/// Transforms the weights by transform(where to) and runs.
template <class Transform>
void transform_and_run(Job job, Transform transform) {
    const std::int64_t weights = winograd_weights_floats(job.g);
    auto* memory = reinterpret_cast<float*>(scratch(static_cast<std::size_t>(weights + buffer_floats(job)) * sizeof(float)));
    transform(memory);
    job.weights = memory;
    run(job, memory + weights);
}

/// [position][oc / columns][ic][columns] of the panels [oc / columns][3][3][ic][columns].
void transform_weights(const IgemmVariant& variant, const Conv2dGeometry& g, const float* weights, float* transformed) {
    const std::int64_t panel = g.ic * variant.columns;
    parallel_for(g.oc / variant.columns, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t q = begin; q < end; ++q)
            variant.winograd_weights({weights + q * 9 * panel, panel, panel, transformed + q * panel, g.ic * g.oc});
    });
}

/// The same of the flipped, transposed weights: panels are [ic / columns][oc][columns] here. A block of columns x columns is
/// transposed tap by tap, then transformed.
void transform_backward_weights(const IgemmVariant& variant, const Conv2dGeometry& g, const float* weights, float* transformed) {
    const std::int64_t columns = variant.columns, block = columns * columns;
    parallel_for(g.ic / columns, 1, [&](std::int64_t begin, std::int64_t end) {
        std::array<float, 9 * 32 * 32> turned;
        for (std::int64_t q = begin; q < end; ++q)
            for (std::int64_t from = 0; from < g.oc / columns; ++from) {
                for (std::int64_t tap = 0; tap < 9; ++tap) {
                    const float* w = weights + ((from * 9 + 8 - tap) * g.ic + q * columns) * columns;
                    float* to = turned.data() + tap * block;
                    for (std::int64_t o = 0; o < columns; ++o)
                        for (std::int64_t i = 0; i < columns; ++i) to[o * columns + i] = w[i * columns + o];
                }
                variant.winograd_weights(
                    {turned.data(), block, block, transformed + (q * g.oc + from * columns) * columns, g.ic * g.oc});
            }
    });
}

}  // namespace

bool winograd_serves(const Conv2dGeometry& g) {
    return igemm_serves(g) && g.kh == 3 && g.kw == 3 && g.stride_h == 1 && g.stride_w == 1 && g.dilation_h == 1 &&
           g.dilation_w == 1 && g.pad_h <= 2 && g.pad_w <= 2;
}

bool winograd_wins(const Conv2dGeometry& g) { return winograd_serves(g) && g.n * g.oh() * g.ow() >= kLeastPixels; }

std::int64_t winograd_weights_floats(const Conv2dGeometry& g) { return kWinogradPositions * g.ic * g.oc; }

void winograd_transform_weights(const Conv2dGeometry& g, const float* weights, float* transformed) {
    transform_weights(select(igemm_variants), g, weights, transformed);
}

void winograd_forward_transformed(const Conv2dGeometry& g, ConstMap src, const float* transformed, const IgemmFusion& fusion,
                                  Map dst) {
    const Job job{select(igemm_variants), g, src, transformed, fusion, dst, WinogradTiles(g)};
    run(job, reinterpret_cast<float*>(scratch(static_cast<std::size_t>(buffer_floats(job)) * sizeof(float))));
}

void winograd_forward(const Conv2dGeometry& g, ConstMap src, const float* weights, const IgemmFusion& fusion, Map dst) {
    const auto& variant = select(igemm_variants);
    transform_and_run({variant, g, src, nullptr, fusion, dst, WinogradTiles(g)},
                      [&](float* to) { transform_weights(variant, g, weights, to); });
}

void winograd_backward_data(const Conv2dGeometry& g, ConstMap diff_dst, const float* weights, const IgemmFusion& fusion,
                            Map diff_src) {
    const auto& variant = select(igemm_variants);
    const Conv2dGeometry back{g.n, g.oc, g.oh(), g.ow(), g.ic, 3, 3, 1, 1, 2 - g.pad_h, 2 - g.pad_w};
    transform_and_run({variant, back, diff_dst, nullptr, fusion, diff_src, WinogradTiles(back)},
                      [&](float* to) { transform_backward_weights(variant, g, weights, to); });
}

}  // namespace keel::kernels
