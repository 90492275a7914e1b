#include "kernels/igemm/winograd.h"

#include <algorithm>
#include <array>

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

void transform_result(const Job& job, const WinogradTile& tile, std::int64_t position, const float* m) {
    WinogradResult t{m, position, job.g.oc, {}, job.fusion.bias, {}, job.fusion.relu};
    const ConstMap residual = job.fusion.residual;
    job.tiles.pixels(tile, [&](int i, std::int64_t pixel) {
        t.dst[i] = job.dst.data + pixel * job.dst.ld;
        if (residual.data != nullptr) t.residual[i] = residual.data + pixel * residual.ld;
    });
    job.variant.winograd_result(t);
}

/// m[position] = v[position] * weights[position]; `rows` is a multiple of the variant's.
void multiply(const Job& job, std::int64_t rows, const float* v, float* m) {
    const Conv2dGeometry& g = job.g;
    const std::int64_t panel = g.ic * job.variant.columns;
    std::array<float*, kMostRows> dst;
    for (std::int64_t position = 0; position < kWinogradPositions; ++position)
        for (std::int64_t row = 0; row < rows; row += job.variant.rows) {
            for (int r = 0; r < job.variant.rows; ++r)
                dst[static_cast<std::size_t>(r)] = m + (position * rows + row + r) * g.oc;
            const IgemmSource src{v + (position * rows + row) * g.ic, g.ic};
            job.variant.tile({&src, 1, g.ic, job.weights + position * g.ic * g.oc, panel, g.oc / job.variant.columns, dst.data(),
                              nullptr, nullptr, nullptr, 0, false, false});
        }
}

/// Tiles of a block: rows of the products.
std::int64_t block_tiles(const Job& job) {
    const std::int64_t rows = job.variant.rows;
    const std::int64_t fit = std::max(kLeastTiles, kBlockFloats / (kWinogradPositions * (job.g.ic + job.g.oc)));
    const std::int64_t share = chunk_count(job.tiles.count(), thread_count());
    return std::max<std::int64_t>(1, std::min(chunk_count(share, rows), fit / rows)) * rows;
}

void run(const Job& job, float* buffers) {
    const std::int64_t rows = block_tiles(job), blocks = chunk_count(job.tiles.count(), rows),
                       parts = std::min<std::int64_t>(thread_count(), blocks);
    const std::int64_t floats = kWinogradPositions * rows * (job.g.ic + job.g.oc);
    parallel_for(parts, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            float *v = buffers + i * floats, *m = v + kWinogradPositions * rows * job.g.ic;
            const Range share = part(blocks, parts, i);
            for (std::int64_t first = share.begin * rows; first < std::min(share.end * rows, job.tiles.count()); first += rows) {
                const std::int64_t count = std::min(rows, job.tiles.count() - first);
                for (std::int64_t t = 0; t < count; ++t)
                    job.tiles.transform_source(job.variant, job.tiles.at(first + t), job.src, job.g.ic, job.fusion.src_affine,
                                               v + t * job.g.ic, rows * job.g.ic);
                for (std::int64_t p = 0; p < kWinogradPositions && count < rows; ++p)  // rows without a tile
                    std::fill_n(v + (p * rows + count) * job.g.ic, (rows - count) * job.g.ic, 0.0F);
                multiply(job, rows, v, m);
                for (std::int64_t t = 0; t < count; ++t)
                    transform_result(job, job.tiles.at(first + t), rows * job.g.oc, m + t * job.g.oc);
            }
        }
    });
}

/// Floats of run()'s buffers.
std::int64_t buffer_floats(const Job& job) {
    return thread_count() * kWinogradPositions * block_tiles(job) * (job.g.ic + job.g.oc);
}

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

void winograd_backward_data(const Conv2dGeometry& g, ConstMap diff_dst, const float* weights, Map diff_src) {
    const auto& variant = select(igemm_variants);
    const Conv2dGeometry back{g.n, g.oc, g.oh(), g.ow(), g.ic, 3, 3, 1, 1, 2 - g.pad_h, 2 - g.pad_w};
    const IgemmFusion none;
    transform_and_run({variant, back, diff_dst, nullptr, none, diff_src, WinogradTiles(back)},
                      [&](float* to) { transform_backward_weights(variant, g, weights, to); });
}

}  // namespace keel::kernels
