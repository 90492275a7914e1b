#include "kernels/igemm/igemm.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/igemm/division.h"
#include "kernels/igemm/gather_conv.h"
#include "kernels/igemm/rounded_rows.h"
#include "kernels/igemm/transpose.h"
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
IgemmAhead weights_ahead(const GatherConvCall& call, const PixelTile& tile, const WeightsGroup& group,
                         std::int64_t index, std::int64_t count) {
    constexpr std::int64_t kLine = 16;
    const DepthBlock& block = call.blocks[group.block];
    const std::int64_t panel_lines = block.taps * block.depth * call.variant.columns / kLine,
                       lines = panel_lines * group.panels.size();
    const Range share = part(lines, count, index);
    return {tile.block_weights(block, group.panels.begin), panel_lines, call.panel(), share.begin, share.end};
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
                ahead = weights_ahead(call, tile, groups[i + 1], index - tiles.begin, tiles.size());
            tile.locate(index, points.end);
            tile.gather(block);
            tile.multiply(block, groups[i].panels, target, ahead);
        }
    }
}

std::vector<DepthBlock> blocks_of(const IgemmVariant& variant, const GatherConv& conv) {
    return depth_blocks(std::ssize(conv.taps), conv.depth, {variant.block_depth, variant.step});
}

/// Returns the grid points whose sums a thread keeps from one block of the depth to the next, where they go to a map of
/// bf16: 256 KiB of them, and whole tiles. 0: none, the depth has one block.
std::int64_t summed_points(const IgemmVariant& variant, const GatherConv& conv, std::int64_t rows, const Map& dst) {
    constexpr std::int64_t kFloats = 64 << 10;
    if (dst.type != DType::bf16 || blocks_of(variant, conv).size() == 1) return 0;
    return chunk_count(std::min(kFloats / conv.columns, conv.points()), rows) * rows;
}

/// Returns the floats of one thread: a tile's, and some chunks' columns that only the epilogue will see, or sums.
std::int64_t part_floats(const IgemmVariant& variant, const GatherConv& conv, const IgemmFusion& fusion, const Map& dst,
                         const GridDivision& division) {
    std::int64_t rows = 0;
    if (fusion.epilogue == nullptr)
        rows = summed_points(variant, conv, division.tile_rows, dst);
    else if (dst.data == nullptr)
        rows = division.rows_together();
    return PixelTile::floats(variant, conv) + rows * conv.columns;
}

GridDivision divided(const IgemmVariant& variant, const GatherConv& conv, const IgemmFusion& fusion) {
    GridDivision division =
        divide_points(conv.points(), conv.columns, {variant.rows, variant.columns, variant.row_unit}, thread_count(),
                      fusion.epilogue != nullptr);
    division.cut(conv.points() * conv.columns * std::ssize(conv.taps) * conv.depth);
    return division;
}

/// Runs a part, some chunks at a time, and gives each of them to the epilogue.
void run_chunks(const GatherConvCall& call, const GridDivision& division, Range chunks, Range panels, Map dst,
                float* buffer) {
    const IgemmVariant& variant = call.variant;
    const RowChunks& all = division.chunks;
    PixelTile tile(call, buffer);
    const Range columns{panels.begin * variant.columns, panels.end * variant.columns};
    for (std::int64_t first = chunks.begin; first < chunks.end; first += division.together) {
        const std::int64_t last = std::min(first + division.together, chunks.end);
        Target target{dst};
        if (dst.data == nullptr)
            target = {
                {buffer + PixelTile::floats(variant, call.conv), columns.size()}, all.begin(first), columns.begin};
        run_part(call, {all.begin(first), all.end(last - 1)}, panels, target, tile);
        for (std::int64_t chunk = first; chunk < last; ++chunk)
            call.fusion.epilogue->take(chunk, columns.begin, columns.size(), target.at(all.begin(chunk), columns.begin),
                                       target.map.ld);
    }
}

/// Runs grid points without an epilogue. Those of a map of bf16 so many at a time that their sums stay near.
void run_points(const GatherConvCall& call, Range points, Range panels, Map dst, float* buffer) {
    PixelTile tile(call, buffer);
    float* sums = buffer + PixelTile::floats(call.variant, call.conv);
    const std::int64_t summed = summed_points(call.variant, call.conv, call.rows, dst),
                       each = summed > 0 ? summed : points.size(), width = call.variant.columns;
    for (std::int64_t first = points.begin; first < points.end; first += each) {
        Target target{dst};
        if (summed > 0) target.sums = {sums, panels.size() * width, first, panels.begin * width};
        run_part(call, {first, std::min(first + each, points.end)}, panels, target, tile);
    }
}

/// Runs a whole convolution of words; `memory` holds memory_floats().
void run(const IgemmVariant& variant, std::int64_t word, const GatherConv& conv, ConstMap src, const float* weights,
         const IgemmFusion& fusion, Map dst, float* memory) {
    float* zeros = memory;
    std::fill_n(zeros, conv.depth, 0.0F);
    float* buffers = zeros + conv.depth;
    const GridDivision division = divided(variant, conv, fusion);
    const RowChunks& chunks = division.chunks;
    if (fusion.epilogue != nullptr) fusion.epilogue->begin(chunks);
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
        .blocks = blocks_of(variant, conv),
        .reads_first = std::move(first),
        .zeros = zeros,
        .rows = division.tile_rows,
        .streamed = fusion.epilogue == nullptr && chunk_count(chunks.count(), division.split.rows) < kFewTiles,
        .flat = conv.flat(),
        .reads = fusion.epilogue == nullptr ? std::array<RowMap, 2>{} : fusion.epilogue->reads()};
    const PartPlaces places(division.parts());
    parallel_parts(division.parts(), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            float* buffer = buffers + places.of(i) * part_floats(variant, conv, fusion, dst, division);
            const Range own = division.chunks_of(i), panels = division.panels_of(i);
            if (fusion.epilogue != nullptr)
                run_chunks(call, division, own, panels, dst, buffer);
            else  // the chunks are tiles, and a thread's are run as one
                run_points(call, {chunks.begin(own.begin), chunks.end(own.end - 1)}, panels, dst, buffer);
        }
    });
}

std::int64_t memory_floats(const IgemmVariant& variant, const GatherConv& conv, const IgemmFusion& fusion,
                           const Map& dst) {
    const GridDivision division = divided(variant, conv, fusion);
    return conv.depth + PartPlaces(division.parts()).count * part_floats(variant, conv, fusion, dst, division);
}

/// Writes panels for backward data: [ic / columns][taps][oc][columns] out of the forward's [oc / columns][all
/// taps][ic][columns].
void transpose_weights(const Conv2dGeometry& g, std::span<const std::int64_t> taps, const float* weights,
                       float* transposed) {
    const std::int64_t columns = igemm_columns(), all_taps = std::int64_t{g.kh} * g.kw, across = g.oc / columns;
    const auto count = static_cast<std::int64_t>(taps.size());
    parallel_for(g.ic / columns * across, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t block = begin; block < end; ++block)
            for (std::int64_t t = 0; t < count; ++t) {
                const std::int64_t panel = block / across, from = block % across;
                const float* src =
                    weights +
                    ((from * all_taps + taps[static_cast<std::size_t>(t)]) * g.ic + panel * columns) * columns;
                transpose_block(columns, src, transposed + ((panel * count + t) * g.oc + from * columns) * columns);
            }
    });
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

/// Weights as they are to be multiplied: words that prepare(variant, memory) makes, for which it wants `floats` of
/// memory, or returns because they are there.
template <class Prepare>
struct PairedWeights {
    std::int64_t floats;
    Prepare prepare;
};

/// Runs a convolution of bf16 whose depth is in channels.
template <class Prepare>
void run_halves(GatherConv conv, ConstMap src, const PairedWeights<Prepare>& weights, const IgemmFusion& fusion,
                Map dst) {
    const IgemmBf16Variant& variant = select(igemm_bf16_variants);
    const std::int64_t kept = lines_of(weights.floats);
    conv.depth /= 2;
    const ConstMap words{src.floats(), src.ld / 2};
    if (variant.rounds && fusion.epilogue == nullptr && !RowActivation(fusion.activation) && dst.data != nullptr) {
        float* memory = floats_of_scratch(kept + memory_floats(variant.words, conv, fusion, dst));
        return run(variant.words, 2, conv, words, weights.prepare(variant, memory), fusion, dst, memory + kept);
    }
    RoundedRows rounded(
        variant,
        {conv.grid_h, conv.grid_w, conv.dst_h, conv.dst_w, conv.dst_step_h, conv.dst_step_w, conv.dst_y, conv.dst_x},
        fusion, dst);
    // The sums lie in the threads' memory, in the order of the grid.
    conv.dst_h = conv.grid_h;
    conv.dst_w = conv.grid_w;
    conv.dst_step_h = conv.dst_step_w = 1;
    conv.dst_y = conv.dst_x = 0;
    const IgemmFusion sums{.src_affine = fusion.src_affine, .bias = fusion.bias, .epilogue = &rounded};
    float* memory = floats_of_scratch(kept + memory_floats(variant.words, conv, sums, {}));
    run(variant.words, 2, conv, words, weights.prepare(variant, memory), sums, {}, memory + kept);
}

/// Returns weights of f32 that fill(memory) writes, or returns because they are there, as words of this pass.
template <class Fill>
auto paired_of(const GatherConv& conv, Fill fill) {
    const std::int64_t weights = std::ssize(conv.taps) * conv.depth * conv.columns, plain = lines_of(weights);
    const auto prepare = [=](const IgemmBf16Variant& variant, float* memory) {
        const float* from = fill(memory);
        pair_rows(variant, weights / 2, from, memory + plain);
        return static_cast<const float*>(memory + plain);
    };
    return PairedWeights<decltype(prepare)>{plain + weights / 2, prepare};
}

}  // namespace

int igemm_columns() { return igemm_columns(active_isa()); }
int igemm_columns(const Isa& isa) { return select(igemm_variants, isa).columns; }

bool igemm_serves(const Conv2dGeometry& g) { return igemm_serves(g, igemm_columns()); }
bool igemm_serves(const Conv2dGeometry& g, int columns) { return igemm_forwards(g, columns) && g.ic % columns == 0; }

bool igemm_forwards_bf16(const Conv2dGeometry& g) { return igemm_forwards(g) && g.ic % 4 == 0; }
bool igemm_forwards(const Conv2dGeometry& g) { return igemm_forwards(g, igemm_columns()); }
bool igemm_forwards(const Conv2dGeometry& g, int columns) {
    return g.groups == 1 && g.ic % 2 == 0 && g.oc % columns == 0;
}

void igemm_forward(const Conv2dGeometry& g, ConstMap src, const float* weights, const IgemmFusion& fusion, Map dst) {
    const GatherConv conv = forward_gather(g);
    const auto as_they_are = [&](float*) { return weights; };
    if (src.type == DType::bf16) return run_halves(conv, src, paired_of(conv, as_they_are), fusion, dst);
    run_floats(conv, src, 0, as_they_are, fusion, dst);
}

void igemm_pair_weights(std::int64_t floats, const float* weights, float* paired) {
    pair_rows(select(igemm_bf16_variants), floats / 2, weights, paired);
}

void igemm_forward_paired(const Conv2dGeometry& g, ConstMap src, const float* paired, const IgemmFusion& fusion,
                          Map dst) {
    const auto as_they_are = [&](const IgemmBf16Variant&, float*) { return paired; };
    run_halves(forward_gather(g), src, PairedWeights<decltype(as_they_are)>{0, as_they_are}, fusion, dst);
}

void igemm_backward_data(const Conv2dGeometry& g, ConstMap diff_dst, const float* weights, const IgemmFusion& fusion,
                         Map diff_src) {
    const bool adds = fusion.residual.data != nullptr && fusion.residual.data == diff_src.data;
    for (const BackwardGather& gather : backward_gathers(g)) {
        if (adds && gather.kernel_taps.empty()) continue;  // pixels that the stride skips stay as they are
        const auto transposed = [&](float* memory) {
            transpose_weights(g, gather.kernel_taps, weights, memory);
            return static_cast<const float*>(memory);
        };
        if (diff_dst.type == DType::bf16)
            run_halves(gather.conv, diff_dst, paired_of(gather.conv, transposed), fusion, diff_src);
        else
            run_floats(gather.conv, diff_dst, g.weights_elements(), transposed, fusion, diff_src);
    }
}

}  // namespace keel::kernels
