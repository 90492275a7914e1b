#include "kernels/igemm/winograd.h"

#include <algorithm>
#include <array>
#include <vector>

#include "kernels/activation/rows.h"
#include "kernels/dispatch.h"
#include "kernels/igemm/rounded_rows.h"
#include "kernels/igemm/split.h"
#include "kernels/igemm/variants.h"
#include "kernels/igemm/winograd_tiles.h"
#include "kernels/scratch.h"

namespace keel::kernels {
namespace {

using igemm::floats_of_scratch;
using igemm::pair_rows;
using igemm::RoundedRows;

constexpr int kMostRows = 12;
/// Transformed source and products of a block of tiles stay in the second-level cache; but with fewer tiles than
/// kLeastTiles the weights would be read more often than that saves.
constexpr std::int64_t kBlockFloats = 144 << 10, kLeastTiles = 48;

/// The transform of the weights moves 100 bytes for each of their ic * oc kernels; at 7 bytes a cycle that is what the
/// algorithm saves on about 100 pixels.
constexpr std::int64_t kLeastPixels = 400;

/// What the threads share. Weights are transformed: [position][panel][depth][columns].
struct WinogradCall {
    const IgemmVariant& variant;
    const Conv2dGeometry& g;
    std::int64_t depth;  ///< words of g.ic channels
    ConstMap src;
    const float* weights;
    const IgemmFusion& fusion;
    Map dst;

    WinogradTiles tiles;
    RowActivation activation{fusion.activation};
};

/// Writes to dst, whose first pixel is `first` of the map.
void transform_result(const WinogradCall& call, const WinogradTile& tile, std::int64_t position, const float* m,
                      Map dst, std::int64_t first) {
    WinogradResult t{m, position, call.g.oc, {}, call.fusion.bias, {}, call.fusion.relu};
    const ConstMap residual = call.fusion.residual;
    call.tiles.pixels(tile, [&](int i, std::int64_t pixel) {
        t.dst[i] = dst.floats() + (pixel - first) * dst.ld;
        if (residual.data != nullptr) t.residual[i] = residual.floats() + pixel * residual.ld;
    });
    call.variant.winograd_result(t);
    if (!call.activation) return;
    for (float* pixel : t.dst)
        if (pixel != nullptr) call.activation.apply(pixel, call.g.oc);
}

/// Returns what tile `index` of `count` fetches of the next position's weights, where few tiles pass by these.
IgemmAhead next_position(const WinogradCall& call, std::int64_t position, std::int64_t index, std::int64_t count) {
    constexpr std::int64_t kLine = 16, kFewTiles = 32;
    if (position + 1 == kWinogradPositions || count >= kFewTiles) return {};
    const std::int64_t floats = call.depth * call.g.oc;
    const Range share = part(floats / kLine, count, index);
    return {call.weights + (position + 1) * floats, floats / kLine, floats, share.begin, share.end};
}

/// Computes m[position] = v[position] * weights[position]; `rows` is a multiple of `height`, that of the register
/// tiles.
void multiply(const WinogradCall& call, std::int64_t rows, std::int64_t height, const float* v, float* m) {
    const Conv2dGeometry& g = call.g;
    const std::int64_t panel = call.depth * call.variant.columns;
    std::array<float*, kMostRows> dst;
    for (std::int64_t position = 0; position < kWinogradPositions; ++position)
        for (std::int64_t row = 0; row < rows; row += height) {
            for (int r = 0; r < height; ++r) dst[static_cast<std::size_t>(r)] = m + (position * rows + row + r) * g.oc;
            const IgemmSource src{v + (position * rows + row) * call.depth, call.depth};
            call.variant.tile({static_cast<int>(height),
                               &src,
                               1,
                               call.depth,
                               call.weights + position * call.depth * g.oc,
                               panel,
                               g.oc / call.variant.columns,
                               dst.data(),
                               nullptr,
                               nullptr,
                               {},
                               next_position(call, position, row / height, rows / height),
                               false,
                               false});
        }
}

/// Returns the tiles of a block: rows of the products.
std::int64_t block_tiles(const WinogradCall& call) {
    const std::int64_t rows = call.variant.rows;
    const std::int64_t fit = std::max(kLeastTiles, kBlockFloats / (kWinogradPositions * (call.depth + call.g.oc)));
    const std::int64_t share = chunk_count(call.tiles.count(), thread_count());
    if (call.fusion.epilogue == nullptr && share <= fit) return share;
    return std::max<std::int64_t>(1, std::min(chunk_count(share, rows), fit / rows)) * rows;
}

/// Returns the most rows that the products of so many tiles work on.
std::int64_t padded(const WinogradCall& call, std::int64_t tiles) {
    return chunk_count(tiles, call.variant.rows) * call.variant.rows;
}

/// Returns the rows of tiles of an epilogue's chunk: an even number of chunks, where that can be.
std::int64_t chunk_tile_rows(const WinogradCall& call) {
    const std::int64_t rows = call.tiles.rows();
    const std::int64_t most =
        std::max<std::int64_t>(1, chunk_rows(call.tiles.pixels_before(rows), call.g.oc) / (2 * call.g.ow()));
    for (std::int64_t each = most; 2 * each > most; --each)
        if (chunk_count(rows, each) % 2 == 0) return each;
    return most;
}

/// Returns the number of chunks made together: at most two blocks, and those that leave the fewest rows of register
/// tiles idle.
std::int64_t group_chunks(const WinogradCall& call) {
    const std::int64_t tiles = chunk_tile_rows(call) * call.tiles.w;
    std::int64_t best = 1;
    for (std::int64_t chunks = 2; chunks * tiles <= 2 * kLeastTiles; ++chunks)
        if (padded(call, chunks * tiles) * best <= padded(call, best * tiles) * chunks) best = chunks;
    return best;
}

/// Runs `tiles`, in blocks, to dst, whose first pixel is `first_pixel` of the map.
void run_tiles(const WinogradCall& call, Range tiles, float* buffer, Map dst, std::int64_t first_pixel) {
    const std::int64_t rows = block_tiles(call);
    float *v = buffer, *m = v + kWinogradPositions * padded(call, rows) * call.depth;
    for (std::int64_t first = tiles.begin; first < tiles.end; first += rows) {
        const std::int64_t count = std::min(rows, tiles.end - first), height = even_share(count, call.variant.rows),
                           used = chunk_count(count, height) * height;
        for (std::int64_t t = 0; t < count; ++t)
            call.tiles.transform_source(call.variant, call.tiles.at(first + t), call.src, call.g.ic,
                                        call.fusion.src_affine, v + t * call.depth, used * call.depth);
        for (std::int64_t p = 0; p < kWinogradPositions && count < used; ++p)  // rows without a tile
            std::fill_n(v + (p * used + count) * call.depth, (used - count) * call.depth, 0.0F);
        multiply(call, used, height, v, m);
        for (std::int64_t t = 0; t < count; ++t)
            transform_result(call, call.tiles.at(first + t), used * call.g.oc, m + t * call.g.oc, dst, first_pixel);
    }
}

std::int64_t block_floats(const WinogradCall& call) {
    return kWinogradPositions * padded(call, block_tiles(call)) * (call.depth + call.g.oc);
}

/// Returns the floats of one thread: a block's, and a group of chunks that only the epilogue will see.
std::int64_t thread_floats(const WinogradCall& call) {
    const bool aside = call.fusion.epilogue != nullptr && call.dst.data == nullptr;
    return block_floats(call) + (aside ? group_chunks(call) * chunk_tile_rows(call) * 2 * call.g.ow() * call.g.oc : 0);
}

/// Gives each chunk of rows to the epilogue; a dst that is null is memory of the thread's, after its block.
void run_chunks(const WinogradCall& call, float* buffers) {
    const std::int64_t each = chunk_tile_rows(call), together = group_chunks(call), rows = call.tiles.rows();
    std::vector<std::int64_t> bounds;
    for (std::int64_t row = 0; row < rows; row += each) bounds.push_back(call.tiles.pixels_before(row));
    bounds.push_back(call.tiles.pixels_before(rows));
    const RowChunks chunks(bounds);
    call.fusion.epilogue->begin(chunks);
    const std::int64_t parts = std::min<std::int64_t>(thread_count(), chunks.count());
    parallel_for(parts, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            float* buffer = buffers + i * thread_floats(call);
            const Range share = part(chunks.count(), parts, i);
            for (std::int64_t first = share.begin; first < share.end; first += together) {
                const std::int64_t last = std::min(first + together, share.end), pixel = chunks.begin(first);
                const Map dst = call.dst.data == nullptr ? Map(buffer + block_floats(call), call.g.oc)
                                                         : Map(call.dst.floats() + pixel * call.dst.ld, call.dst.ld);
                run_tiles(call, {first * each * call.tiles.w, std::min(last * each, rows) * call.tiles.w}, buffer, dst,
                          pixel);
                for (std::int64_t chunk = first; chunk < last; ++chunk)
                    call.fusion.epilogue->take(chunk, 0, call.g.oc,
                                               dst.floats() + (chunks.begin(chunk) - pixel) * dst.ld, dst.ld);
            }
        }
    });
}

void run(const WinogradCall& call, float* buffers) {
    if (call.fusion.epilogue != nullptr) return run_chunks(call, buffers);
    const std::int64_t rows = block_tiles(call), blocks = chunk_count(call.tiles.count(), rows),
                       parts = std::min<std::int64_t>(thread_count(), blocks);
    parallel_for(parts, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            const Range share = part(blocks, parts, i);
            run_tiles(call, {share.begin * rows, std::min(share.end * rows, call.tiles.count())},
                      buffers + i * thread_floats(call), call.dst, 0);
        }
    });
}

/// Returns the floats of run()'s buffers.
std::int64_t buffer_floats(const WinogradCall& call) { return thread_count() * thread_floats(call); }

/// Transforms the weights by transform(where to), in f32, and runs.
template <class Transform>
void transform_and_run(const Conv2dGeometry& g, ConstMap src, const IgemmFusion& fusion, Map dst, Transform transform) {
    const std::int64_t weights = winograd_weights_floats(g);
    if (src.type != DType::bf16) {
        WinogradCall call{select(igemm_variants), g, g.ic, src, nullptr, fusion, dst, WinogradTiles(g)};
        float* memory = floats_of_scratch(weights + buffer_floats(call));
        transform(memory);
        call.weights = memory;
        return run(call, memory + weights);
    }
    const IgemmBf16Variant& variant = select(igemm_bf16_variants);
    RoundedRows rounded(variant, {}, fusion, dst);
    const IgemmFusion sums{.src_affine = fusion.src_affine, .bias = fusion.bias, .epilogue = &rounded};
    WinogradCall call{variant.words, g, g.ic / 2, src, nullptr, sums, {}, WinogradTiles(g)};
    float *memory = floats_of_scratch(weights + weights / 2 + buffer_floats(call)), *pairs = memory + weights;
    transform(memory);
    pair_rows(variant, weights / 2, memory, pairs);
    call.weights = pairs;
    run(call, pairs + weights / 2);
}

/// Writes [position][oc / columns][ic][columns] of the panels [oc / columns][3][3][ic][columns].
void transform_weights(const IgemmVariant& variant, const Conv2dGeometry& g, const float* weights, float* transformed) {
    const std::int64_t panel = g.ic * variant.columns;
    parallel_for(g.oc / variant.columns, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t q = begin; q < end; ++q)
            variant.winograd_weights({weights + q * 9 * panel, panel, panel, transformed + q * panel, g.ic * g.oc});
    });
}

/// Transforms the flipped, transposed weights likewise: panels are [ic / columns][oc][columns] here. A block of columns
/// x columns is transposed tap by tap, then transformed.
void transform_backward_weights(const IgemmVariant& variant, const Conv2dGeometry& g, const float* weights,
                                float* transformed) {
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

bool winograd_serves(const Conv2dGeometry& g) { return igemm_serves(g) && winograd_forwards(g); }

bool winograd_forwards(const Conv2dGeometry& g) {
    return igemm_forwards(g) && g.kh == 3 && g.kw == 3 && g.stride_h == 1 && g.stride_w == 1 && g.dilation_h == 1 &&
           g.dilation_w == 1 && g.pad_h <= 2 && g.pad_w <= 2 && g.pad_h + g.far_h <= 2 && g.pad_w + g.far_w <= 2;
}

bool winograd_wins(const Conv2dGeometry& g) { return winograd_serves(g) && g.n * g.oh() * g.ow() >= kLeastPixels; }

std::int64_t winograd_weights_floats(const Conv2dGeometry& g) { return kWinogradPositions * g.ic * g.oc; }

void winograd_transform_weights(const Conv2dGeometry& g, const float* weights, float* transformed) {
    transform_weights(select(igemm_variants), g, weights, transformed);
}

void winograd_forward_transformed(const Conv2dGeometry& g, ConstMap src, const float* transformed,
                                  const IgemmFusion& fusion, Map dst) {
    const WinogradCall call{select(igemm_variants), g, g.ic, src, transformed, fusion, dst, WinogradTiles(g)};
    run(call, floats_of_scratch(buffer_floats(call)));
}

void winograd_forward(const Conv2dGeometry& g, ConstMap src, const float* weights, const IgemmFusion& fusion, Map dst) {
    transform_and_run(g, src, fusion, dst, [&](float* to) { winograd_transform_weights(g, weights, to); });
}

void winograd_backward_data(const Conv2dGeometry& g, ConstMap diff_dst, const float* weights, const IgemmFusion& fusion,
                            Map diff_src) {
    const Conv2dGeometry back{g.n, g.oc,        g.oh(),      g.ow(), g.ic, 3, 3,        1,
                              1,   2 - g.pad_h, 2 - g.pad_w, 1,      1,    1, -g.far_h, -g.far_w};
    transform_and_run(back, diff_dst, fusion, diff_src,
                      [&](float* to) { transform_backward_weights(select(igemm_variants), g, weights, to); });
}

}  // namespace keel::kernels
