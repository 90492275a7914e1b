#include "kernels/igemm/igemm.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/igemm/gather_conv.h"
#include "kernels/igemm/rounded_rows.h"
#include "kernels/igemm/split.h"
#include "kernels/igemm/variants.h"
#include "kernels/parallel.h"
#include "kernels/scratch.h"

namespace keel::kernels {
namespace {

using namespace igemm;

/// Weights that stay in the second-level cache while all tiles pass by. Where few tiles do, what counts is how soon
/// weights come from memory: less of them at a time, the next ones fetched meanwhile.
constexpr std::int64_t kBlockBytes = 384 << 10, kStreamedBytes = 128 << 10, kFewTiles = 32;

/// Weights that pass by all tiles at once: those of some panels for a block of the depth.
struct WeightsGroup {
    std::size_t block;
    Range panels;
};

std::vector<WeightsGroup> weights_groups(const GatherConvCall& call, Range panels, std::int64_t most_bytes) {
    std::vector<WeightsGroup> groups;
    for (std::size_t i = 0; i < call.blocks.size(); ++i) {
        const DepthBlock& block = call.blocks[i];
        const std::int64_t bytes =
            block.taps * block.depth * call.variant.columns * static_cast<std::int64_t>(sizeof(float));
        const std::int64_t together =
            even_share(panels.size(), std::max<std::int64_t>(1, most_bytes / std::max<std::int64_t>(1, bytes)));
        for (std::int64_t first = panels.begin; first < panels.end; first += together)
            groups.push_back({i, {first, std::min(first + together, panels.end)}});
    }
    return groups;
}

/// Returns what tile `index` of `count` fetches of a group's weights.
IgemmAhead weights_ahead(const GatherConvCall& call, const WeightsGroup& group, std::int64_t index,
                         std::int64_t count) {
    constexpr std::int64_t kLine = 16;
    const DepthBlock& block = call.blocks[group.block];
    const std::int64_t panel_lines = block.taps * block.depth * call.variant.columns / kLine,
                       lines = panel_lines * group.panels.size();
    const Range share = part(lines, count, index);
    return {call.block_weights(block, group.panels.begin), panel_lines, call.panel(), share.begin, share.end};
}

/// Runs grid points [points.begin, points.end), of which the first begins a tile.
void run_part(const GatherConvCall& call, Range points, Range panels, const Target& target, PixelTile& tile) {
    const Range tiles{points.begin / call.rows, chunk_count(points.end, call.rows)};
    const auto groups = weights_groups(call, panels, call.streamed ? kStreamedBytes : kBlockBytes);
    for (std::size_t i = 0; i < groups.size(); ++i) {
        const DepthBlock& block = call.blocks[groups[i].block];
        for (std::int64_t index = tiles.begin; index < tiles.end; ++index) {
            IgemmAhead ahead;
            if (call.streamed && i + 1 < groups.size())
                ahead = weights_ahead(call, groups[i + 1], index - tiles.begin, tiles.size());
            tile.locate(index, points.end);
            tile.gather(block);
            tile.multiply(block, groups[i].panels, target, ahead);
        }
    }
}

/// Returns the floats of one thread: a tile's, and a chunk's columns that only the epilogue will see.
std::int64_t part_floats(const IgemmVariant& variant, const GatherConv& conv, const IgemmFusion& fusion,
                         const Map& dst) {
    const bool aside = fusion.epilogue != nullptr && dst.data == nullptr;
    return PixelTile::floats(variant, conv) + (aside ? chunk_rows(conv.points(), conv.columns) * conv.columns : 0);
}

/// Runs a whole convolution of words; `memory` holds memory_floats().
void run(const IgemmVariant& variant, std::int64_t word, const GatherConv& conv, ConstMap src, const float* weights,
         const IgemmFusion& fusion, Map dst, float* memory) {
    float* zeros = memory;
    std::fill_n(zeros, conv.depth, 0.0F);
    float* buffers = zeros + conv.depth;
    // Without an epilogue the chunks are tiles, and a thread's are run as one.
    const std::int64_t points = conv.points(),
                       rows = fusion.epilogue == nullptr ? even_share(points, variant.rows) : variant.rows;
    const RowChunks chunks(points, fusion.epilogue == nullptr ? rows : chunk_rows(points, conv.columns));
    if (fusion.epilogue != nullptr) fusion.epilogue->begin(chunks);
    const std::int64_t panels = conv.columns / variant.columns;
    const Split split = split_units(chunks.count(), panels, thread_count());
    std::vector<bool> first;
    for (const Tap tap : conv.taps) first.push_back(reads_first(conv, tap));
    const GatherConvCall call{
        .variant = variant,
        .conv = conv,
        .word = word,
        .src = src,
        .weights = weights,
        .fusion = fusion,
        .activation = RowActivation(fusion.activation),
        .blocks = depth_blocks(std::ssize(conv.taps), conv.depth),
        .reads_first = std::move(first),
        .zeros = zeros,
        .rows = rows,
        .streamed = fusion.epilogue == nullptr && chunk_count(chunks.count(), split.rows) < kFewTiles,
        .flat = conv.flat(),
        .reads = fusion.epilogue == nullptr ? std::array<RowMap, 2>{} : fusion.epilogue->reads()};
    parallel_for(split.parts(), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            float* buffer = buffers + i * part_floats(variant, conv, fusion, dst);
            PixelTile tile(call, buffer);
            const Range own = part(chunks.count(), split.rows, i / split.columns),
                        own_panels = part(panels, split.columns, i % split.columns);
            if (fusion.epilogue == nullptr) {
                run_part(call, {chunks.begin(own.begin), chunks.end(own.end - 1)}, own_panels, {dst}, tile);
                continue;
            }
            const Range columns{own_panels.begin * variant.columns, own_panels.end * variant.columns};
            for (std::int64_t chunk = own.begin; chunk < own.end; ++chunk) {
                Target target{dst};
                if (dst.data == nullptr)
                    target = {{buffer + PixelTile::floats(variant, conv), columns.size()},
                              chunks.begin(chunk),
                              columns.begin};
                run_part(call, {chunks.begin(chunk), chunks.end(chunk)}, own_panels, target, tile);
                fusion.epilogue->take(chunk, columns.begin, columns.size(),
                                      target.at(chunks.begin(chunk), columns.begin), target.map.ld);
            }
        }
    });
}

std::int64_t memory_floats(const IgemmVariant& variant, const GatherConv& conv, const IgemmFusion& fusion,
                           const Map& dst) {
    return conv.depth + thread_count() * part_floats(variant, conv, fusion, dst);
}

/// Writes panels for backward data: [ic / columns][taps][oc][columns] out of the forward's [oc / columns][all
/// taps][ic][columns].
void transpose_weights(const Conv2dGeometry& g, std::span<const std::int64_t> taps, const float* weights,
                       float* transposed) {
    const std::int64_t columns = igemm_columns(), all_taps = std::int64_t{g.kh} * g.kw;
    const auto count = static_cast<std::int64_t>(taps.size());
    parallel_for(g.ic / columns, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t panel = begin; panel < end; ++panel)
            for (std::int64_t t = 0; t < count; ++t)
                for (std::int64_t from = 0; from < g.oc / columns; ++from) {
                    const float* src =
                        weights +
                        ((from * all_taps + taps[static_cast<std::size_t>(t)]) * g.ic + panel * columns) * columns;
                    float* dst = transposed + ((panel * count + t) * g.oc + from * columns) * columns;
                    for (std::int64_t o = 0; o < columns; ++o)
                        for (std::int64_t i = 0; i < columns; ++i) dst[o * columns + i] = src[i * columns + o];
                }
    });
}

/// One axis of backward data for the pixels i with i % stride == phase: which taps reach them, and from where.
struct Phase {
    std::int64_t count;
    std::vector<std::int64_t> taps, offsets;
};

Phase phase_of(std::int64_t in, int kernel, int stride, int pad, int dilation, std::int64_t phase) {
    Phase p{in > phase ? chunk_count(in - phase, stride) : 0, {}, {}};
    for (std::int64_t k = 0; k < kernel; ++k) {
        const std::int64_t numerator = phase + pad - k * dilation;
        if (numerator % stride != 0) continue;
        p.taps.push_back(k);
        p.offsets.push_back(numerator / stride);
    }
    return p;
}

/// Returns floats rounded up to whole cache lines.
std::int64_t lines_of(std::int64_t floats) {
    return static_cast<std::int64_t>(section(static_cast<std::size_t>(floats) * sizeof(float)) / sizeof(float));
}

/// Runs a convolution of f32 with the weights that fill(memory) writes, `weights_floats` of them, or that are there.
template <class Fill>
void run_floats(const GatherConv& conv, ConstMap src, std::int64_t weights_floats, Fill fill, const IgemmFusion& fusion,
                Map dst) {
    const IgemmVariant& variant = select(igemm_variants);
    const std::int64_t packed = lines_of(weights_floats);
    float* memory = floats_of_scratch(packed + memory_floats(variant, conv, fusion, dst));
    run(variant, 1, conv, src, fill(memory), fusion, dst, memory + packed);
}

/// Runs a convolution of bf16; weights as run_floats(), in f32.
template <class Fill>
void run_halves(GatherConv conv, ConstMap src, Fill fill, const IgemmFusion& fusion, Map dst) {
    const IgemmBf16Variant& variant = select(igemm_bf16_variants);
    RoundedRows rounded(
        variant,
        {conv.grid_h, conv.grid_w, conv.dst_h, conv.dst_w, conv.dst_step_h, conv.dst_step_w, conv.dst_y, conv.dst_x},
        fusion, dst);
    // The sums lie in the threads' memory, in the order of the grid.
    conv.dst_h = conv.grid_h;
    conv.dst_w = conv.grid_w;
    conv.dst_step_h = conv.dst_step_w = 1;
    conv.dst_y = conv.dst_x = 0;
    const std::int64_t weights = std::ssize(conv.taps) * conv.depth * conv.columns;
    conv.depth /= 2;
    const IgemmFusion sums{.src_affine = fusion.src_affine, .bias = fusion.bias, .epilogue = &rounded};
    const std::int64_t plain = lines_of(weights), words = lines_of(weights / 2);
    float* memory = floats_of_scratch(plain + words + memory_floats(variant.words, conv, sums, {}));
    const float* from = fill(memory);
    float* pairs = memory + plain;
    pair_rows(variant, weights / 2, from, pairs);
    run(variant.words, 2, conv, {src.floats(), src.ld / 2}, pairs, sums, {}, pairs + words);
}

}  // namespace

int igemm_columns() { return select(igemm_variants).columns; }

bool igemm_serves(const Conv2dGeometry& g) { return igemm_forwards(g) && g.ic % igemm_columns() == 0; }

bool igemm_forwards(const Conv2dGeometry& g) { return g.groups == 1 && g.ic % 2 == 0 && g.oc % igemm_columns() == 0; }

void igemm_forward(const Conv2dGeometry& g, ConstMap src, const float* weights, const IgemmFusion& fusion, Map dst) {
    GatherConv conv{g.n,    g.oh(), g.ow(), g.ih, g.iw, g.ic, g.stride_h, g.stride_w,
                    g.oh(), g.ow(), g.oc,   1,    1,    0,    0,          {}};
    for (int ky = 0; ky < g.kh; ++ky)
        for (int kx = 0; kx < g.kw; ++kx)
            conv.taps.push_back({std::int64_t{ky} * g.dilation_h - g.pad_h, std::int64_t{kx} * g.dilation_w - g.pad_w});
    const auto as_they_are = [&](float*) { return weights; };
    if (src.type == DType::bf16) return run_halves(conv, src, as_they_are, fusion, dst);
    run_floats(conv, src, 0, as_they_are, fusion, dst);
}

void igemm_backward_data(const Conv2dGeometry& g, ConstMap diff_dst, const float* weights, const IgemmFusion& fusion,
                         Map diff_src) {
    for (std::int64_t py = 0; py < g.stride_h; ++py)
        for (std::int64_t px = 0; px < g.stride_w; ++px) {
            const Phase ys = phase_of(g.ih, g.kh, g.stride_h, g.pad_h, g.dilation_h, py);
            const Phase xs = phase_of(g.iw, g.kw, g.stride_w, g.pad_w, g.dilation_w, px);
            GatherConv conv{g.n,  ys.count, xs.count, g.oh(),     g.ow(),     g.oc, 1,  1,
                            g.ih, g.iw,     g.ic,     g.stride_h, g.stride_w, py,   px, {}};
            if (conv.points() == 0) continue;
            std::vector<std::int64_t> taps;
            for (std::size_t y = 0; y < ys.taps.size(); ++y)
                for (std::size_t x = 0; x < xs.taps.size(); ++x) {
                    conv.taps.push_back({ys.offsets[y], xs.offsets[x]});
                    taps.push_back(ys.taps[y] * g.kw + xs.taps[x]);
                }
            const auto transposed = [&](float* memory) {
                transpose_weights(g, taps, weights, memory);
                return static_cast<const float*>(memory);
            };
            if (diff_dst.type == DType::bf16)
                run_halves(conv, diff_dst, transposed, fusion, diff_src);
            else
                run_floats(conv, diff_dst, g.weights_elements(), transposed, fusion, diff_src);
        }
}

}  // namespace keel::kernels
