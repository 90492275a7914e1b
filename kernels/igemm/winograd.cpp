#include "kernels/igemm/winograd.h"

#include <algorithm>
#include <array>

#include "kernels/dispatch.h"
#include "kernels/igemm/split.h"
#include "kernels/igemm/variants.h"
#include "kernels/scratch.h"

namespace keel::kernels {
namespace {

constexpr int kMostRows = 12;
constexpr std::int64_t kPositions = 16;
/// Transformed source and products of a block of tiles stay in the second-level cache.
constexpr std::int64_t kBlockFloats = 144 << 10;

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

    std::int64_t tiles_h() const { return chunk_count(g.oh(), 2); }
    std::int64_t tiles_w() const { return chunk_count(g.ow(), 2); }
    std::int64_t tiles() const { return g.n * tiles_h() * tiles_w(); }
};

struct Tile {
    std::int64_t n, y, x;  ///< of its first pixel in dst
};

Tile tile_at(const Job& job, std::int64_t index) {
    const std::int64_t x = index % job.tiles_w(), y = index / job.tiles_w() % job.tiles_h();
    return {index / job.tiles_w() / job.tiles_h(), 2 * y, 2 * x};
}

void transform_source(const Job& job, const Tile& tile, std::int64_t position, float* v) {
    const Conv2dGeometry& g = job.g;
    const ConvAffine& affine = job.fusion.src_affine;
    WinogradSource t{{}, g.ic, affine.scale, affine.shift, affine.relu, v, position};
    for (int i = 0; i < kPositions; ++i) {
        const std::int64_t y = tile.y - g.pad_h + i / 4, x = tile.x - g.pad_w + i % 4;
        const bool inside = y >= 0 && y < g.ih && x >= 0 && x < g.iw;
        t.src[i] = inside ? job.src.data + ((tile.n * g.ih + y) * g.iw + x) * job.src.ld : nullptr;
    }
    job.variant.winograd_source(t);
}

void transform_result(const Job& job, const Tile& tile, std::int64_t position, const float* m) {
    const Conv2dGeometry& g = job.g;
    WinogradResult t{m, position, g.oc, {}, job.fusion.bias, {}, job.fusion.relu};
    for (int i = 0; i < 4; ++i) {
        const std::int64_t y = tile.y + i / 2, x = tile.x + i % 2;
        if (y >= g.oh() || x >= g.ow()) continue;
        const std::int64_t pixel = (tile.n * g.oh() + y) * g.ow() + x;
        t.dst[i] = job.dst.data + pixel * job.dst.ld;
        if (job.fusion.residual.data != nullptr) t.residual[i] = job.fusion.residual.data + pixel * job.fusion.residual.ld;
    }
    job.variant.winograd_result(t);
}

/// m[position] = v[position] * weights[position]; `rows` is a multiple of the variant's.
void multiply(const Job& job, std::int64_t rows, const float* v, float* m) {
    const Conv2dGeometry& g = job.g;
    const std::int64_t panel = g.ic * job.variant.columns;
    std::array<const float*, kMostRows> src;
    std::array<float*, kMostRows> dst;
    for (std::int64_t position = 0; position < kPositions; ++position)
        for (std::int64_t row = 0; row < rows; row += job.variant.rows) {
            for (int r = 0; r < job.variant.rows; ++r) {
                src[static_cast<std::size_t>(r)] = v + (position * rows + row + r) * g.ic;
                dst[static_cast<std::size_t>(r)] = m + (position * rows + row + r) * g.oc;
            }
            job.variant.tile({src.data(), 1, g.ic, job.weights + position * g.ic * g.oc, panel, panel, g.oc / job.variant.columns,
                              dst.data(), nullptr, nullptr, src.data(), 0, false, false});
        }
}

/// Tiles of a block: rows of the products.
std::int64_t block_tiles(const Job& job) {
    const std::int64_t rows = job.variant.rows, fit = kBlockFloats / (kPositions * (job.g.ic + job.g.oc));
    const std::int64_t share = chunk_count(job.tiles(), thread_count());
    return std::max<std::int64_t>(1, std::min(chunk_count(share, rows), fit / rows)) * rows;
}

void run(const Job& job, float* buffers) {
    const std::int64_t rows = block_tiles(job), blocks = chunk_count(job.tiles(), rows),
                       parts = std::min<std::int64_t>(thread_count(), blocks);
    const std::int64_t floats = kPositions * rows * (job.g.ic + job.g.oc);
    parallel_for(parts, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            float *v = buffers + i * floats, *m = v + kPositions * rows * job.g.ic;
            const Range share = part(blocks, parts, i);
            for (std::int64_t first = share.begin * rows; first < std::min(share.end * rows, job.tiles()); first += rows) {
                const std::int64_t count = std::min(rows, job.tiles() - first);
                for (std::int64_t t = 0; t < count; ++t)
                    transform_source(job, tile_at(job, first + t), rows * job.g.ic, v + t * job.g.ic);
                for (std::int64_t p = 0; p < kPositions && count < rows; ++p)  // rows without a tile
                    std::fill_n(v + (p * rows + count) * job.g.ic, (rows - count) * job.g.ic, 0.0F);
                multiply(job, rows, v, m);
                for (std::int64_t t = 0; t < count; ++t)
                    transform_result(job, tile_at(job, first + t), rows * job.g.oc, m + t * job.g.oc);
            }
        }
    });
}

/// Floats that run() needs, and in front of them the transformed weights.
struct Memory {
    explicit Memory(const Job& job) {
        const std::int64_t weights = kPositions * job.g.ic * job.g.oc;
        const std::int64_t buffers = thread_count() * kPositions * block_tiles(job) * (job.g.ic + job.g.oc);
        transformed = reinterpret_cast<float*>(scratch(static_cast<std::size_t>(weights + buffers) * sizeof(float)));
        rest = transformed + weights;
    }
    float *transformed, *rest;
};

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

void winograd_forward(const Conv2dGeometry& g, ConstMap src, const float* weights, const IgemmFusion& fusion, Map dst) {
    const auto& variant = select(igemm_variants);
    Job job{variant, g, src, nullptr, fusion, dst};
    const Memory memory(job);
    transform_weights(variant, g, weights, memory.transformed);
    job.weights = memory.transformed;
    run(job, memory.rest);
}

void winograd_backward_data(const Conv2dGeometry& g, ConstMap diff_dst, const float* weights, Map diff_src) {
    const auto& variant = select(igemm_variants);
    Conv2dGeometry back{g.n, g.oc, g.oh(), g.ow(), g.ic, 3, 3, 1, 1, 2 - g.pad_h, 2 - g.pad_w};
    const IgemmFusion none;
    Job job{variant, back, diff_dst, nullptr, none, diff_src};
    const Memory memory(job);
    transform_backward_weights(variant, g, weights, memory.transformed);
    job.weights = memory.transformed;
    run(job, memory.rest);
}

}  // namespace keel::kernels
