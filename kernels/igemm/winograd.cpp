#include "kernels/igemm/winograd.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "kernels/activation/rows.h"
#include "kernels/dispatch.h"
#include "kernels/igemm/division.h"
#include "kernels/igemm/rounded_rows.h"
#include "kernels/igemm/transformed_weights.h"
#include "kernels/igemm/variant_state.h"
#include "kernels/igemm/variants.h"
#include "kernels/igemm/winograd_tiles.h"
#include "kernels/replicas.h"
#include "kernels/scratch.h"

namespace keel::kernels {
namespace {

using igemm::floats_of_scratch;
using igemm::RoundedRows;

constexpr int kMostRows = 32;
/// Transformed source and products of a block of tiles stay in the second-level cache, if they are not fewer than
/// kLeastWinogradTiles.
constexpr std::int64_t kBlockFloats = 144 << 10;

/// The transform of the weights moves 100 bytes for each of their ic * oc kernels; at 7 bytes a cycle that is what the
/// algorithm saves on about 100 pixels.
constexpr std::int64_t kLeastPixels = 400;
/// From here on it wins where weights are transformed beforehand; below, they are more memory to read than the products
/// are work.
constexpr std::int64_t kLeastPreparedPixels = 100;

/// Whether products of maps of `type` are made on matrix tiles.
bool is_on_matrix(const Isa& isa, DType type) {
    return type == DType::bf16 && select(igemm_bf16_variants, isa).words.turn != nullptr;
}

/// Returns the cycles that the algorithm saves on matrix tiles: four pixels take 16 in place of 36 products, of which a
/// cycle makes 512, while a channel of their source takes 6 cycles to transform and one of their result 2.5, by the
/// instructions' number; weights are moved at 7 bytes a cycle.
double saved_on_matrix(const Conv2dGeometry& g, bool transforms_weights) {
    const auto products = static_cast<double>(std::int64_t{g.ic} * g.oc), channels = static_cast<double>(g.ic + g.oc);
    return static_cast<double>(WinogradTiles(g).count()) * (20.0 / 512 * products - 8.5 / 2 * channels) -
           (transforms_weights ? 100.0 / 7 * products : 0);
}

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
    GridDivision division;
    RowActivation activation{fusion.activation};

    WinogradCall(const IgemmVariant& v, const Conv2dGeometry& geometry, std::int64_t words, ConstMap from,
                 const float* transformed, const IgemmFusion& with, Map to)
        : variant(v),
          g(geometry),
          depth(words),
          src(from),
          weights(transformed),
          fusion(with),
          dst(to),
          tiles(geometry),
          division(
              divide_winograd(geometry, {v.rows, v.columns, v.row_unit}, thread_count(), with.epilogue != nullptr)) {
        division.cut(geometry.macs() * 4 / 9);
    }

    Range columns(Range panels) const { return {panels.begin * variant.columns, panels.end * variant.columns}; }
};

/// Where tiles go: a map whose first pixel is `first` of the result's, and whose first channel is that of the part.
struct Place {
    Map map;
    std::int64_t first;
};

/// Writes some columns of a tile's pixels.
void transform_result(const WinogradCall& call, const WinogradTile& tile, Range columns, std::int64_t position,
                      const float* m, const Place& to) {
    const float* bias = call.fusion.bias == nullptr ? nullptr : call.fusion.bias + columns.begin;
    WinogradResult t{m, position, columns.size(), {}, bias, {}, call.fusion.relu, to.map.type == DType::bf16};
    const ConstMap residual = call.fusion.residual;
    const auto size = static_cast<std::int64_t>(size_of(to.map.type));
    auto* dst = static_cast<std::byte*>(to.map.data);
    const auto* added = static_cast<const std::byte*>(residual.data);
    call.tiles.pixels(tile, [&](int i, std::int64_t pixel) {
        t.dst[i] = dst + (pixel - to.first) * to.map.ld * size;
        if (added != nullptr) t.residual[i] = added + (pixel * residual.ld + columns.begin) * size;
    });
    call.variant.winograd_result(t);
    if (!call.activation) return;
    for (void* pixel : t.dst)
        if (pixel != nullptr) call.activation.apply(static_cast<float*>(pixel), columns.size());
}

/// Returns what tile `index` of `count` fetches of the next position's weights, where few tiles pass by these.
IgemmAhead next_position(const WinogradCall& call, const float* weights, Range panels, std::int64_t position,
                         std::int64_t index, std::int64_t count) {
    constexpr std::int64_t kLine = 16, kFewTiles = 32;
    if (position + 1 == kWinogradPositions || count >= kFewTiles) return {};
    const std::int64_t panel = call.depth * call.variant.columns, floats = panel * panels.size();
    const Range share = part(floats / kLine, count, index);
    return {weights + (position + 1) * call.depth * call.g.oc + panels.begin * panel, floats / kLine, floats,
            share.begin, share.end};
}

/// Computes m[position] = v[position] * weights[position] for some panels; `height` is that of the register tiles, but
/// for the last one.
void multiply(const WinogradCall& call, Range panels, std::int64_t rows, std::int64_t height, const float* v, float* m,
              void* state) {
    const std::int64_t panel = call.depth * call.variant.columns, width = call.columns(panels).size(),
                       v_position = position_stride(rows * call.depth), m_position = position_stride(rows * width);
    const float* weights = near_copy(call.weights);
    std::array<float*, kMostRows> dst;
    for (std::int64_t position = 0; position < kWinogradPositions; ++position)
        for (std::int64_t row = 0; row < rows; row += height) {
            const auto some = static_cast<int>(std::min(height, rows - row));
            for (int r = 0; r < some; ++r)
                dst[static_cast<std::size_t>(r)] = m + position * m_position + (row + r) * width;
            const IgemmSource src{v + position * v_position + row * call.depth, call.depth};
            call.variant.tile({some,
                               &src,
                               1,
                               call.depth,
                               weights + position * call.depth * call.g.oc + panels.begin * panel,
                               panel,
                               panels.size(),
                               dst.data(),
                               nullptr,
                               nullptr,
                               {},
                               next_position(call, weights, panels, position, row / height, chunk_count(rows, height)),
                               false,
                               false,
                               nullptr,
                               state});
        }
}

/// Returns the tiles of a block whose memory stays in the second-level cache.
std::int64_t tiles_that_fit(const WinogradCall& call) {
    return std::max(kLeastWinogradTiles, kBlockFloats / (kWinogradPositions * (call.depth + call.g.oc)));
}

/// Returns the tiles of a block, where a part has so many: rows of the products.
std::int64_t block_tiles(const WinogradCall& call, std::int64_t of_part) {
    const std::int64_t rows = call.variant.rows, fit = tiles_that_fit(call);
    if (call.fusion.epilogue == nullptr && of_part <= fit) return of_part;
    return std::max<std::int64_t>(1, std::min(chunk_count(of_part, rows), fit / rows)) * rows;
}

/// Returns the most tiles that a part has.
std::int64_t most_tiles(const WinogradCall& call) {
    const GridDivision& d = call.division;
    return std::min(chunk_count(d.chunks.count(), d.split.rows) * d.chunks.rows(0), call.tiles.count());
}

/// Runs `tiles`, in blocks of `rows`.
void run_tiles(const WinogradCall& call, Range tiles, Range panels, std::int64_t rows, float* buffer, const Place& to) {
    const Range columns = call.columns(panels);
    float *v = buffer, *m = v + kWinogradPositions * position_stride((rows + call.variant.rows) * call.depth);
    IgemmState state(call.variant);
    for (std::int64_t first = tiles.begin; first < tiles.end; first += rows) {
        const std::int64_t count = std::min(rows, tiles.end - first), unit = call.variant.row_unit,
                           height = unit == 1 ? even_share(count, call.variant.rows) : call.variant.rows,
                           whole = unit == 1 ? height : unit, used = chunk_count(count, whole) * whole;
        const std::int64_t v_position = position_stride(used * call.depth);
        call.tiles.transform_sources(call.variant, first, count, call.src, call.g.ic, call.fusion.src_affine, v,
                                     v_position, call.depth);
        for (std::int64_t p = 0; p < kWinogradPositions && count < used; ++p)  // rows without a tile
            std::fill_n(v + p * v_position + count * call.depth, (used - count) * call.depth, 0.0F);
        multiply(call, panels, used, height, v, m, state.memory());
        WinogradTile tile = call.tiles.at(first);
        for (std::int64_t t = 0; t < count; ++t, tile = call.tiles.next(tile))
            transform_result(call, tile, columns, position_stride(used * columns.size()), m + t * columns.size(), to);
    }
}

/// Returns the floats of a block: of its tiles, and of rows without one.
std::int64_t block_floats(const WinogradCall& call) {
    const std::int64_t most = most_tiles(call),  // shorter parts may have longer blocks
        tiles = std::max(block_tiles(call, most), std::min(most, tiles_that_fit(call)));
    const std::int64_t rows = tiles + call.variant.rows;
    return kWinogradPositions * (position_stride(rows * call.depth) + position_stride(rows * call.g.oc));
}

/// Returns the pixels that chunks made at once have at most.
std::int64_t pixels_together(const WinogradCall& call) {
    return call.division.rows_together() / call.tiles.w * 2 * call.g.ow();
}

/// Returns the floats of one thread: a block's, and chunks that only the epilogue will see.
std::int64_t part_floats(const WinogradCall& call) {
    const bool aside = call.fusion.epilogue != nullptr && call.dst.data == nullptr;
    return block_floats(call) + (aside ? pixels_together(call) * call.g.oc : 0);
}

/// Returns the chunks of the division, of tiles, as those of the result's pixels.
RowChunks pixel_chunks(const WinogradCall& call) {
    const RowChunks& chunks = call.division.chunks;
    std::vector<std::int64_t> bounds;
    for (std::int64_t i = 0; i < chunks.count(); ++i)
        bounds.push_back(call.tiles.pixels_before(chunks.begin(i) / call.tiles.w));
    bounds.push_back(call.tiles.pixels_before(call.tiles.rows()));
    return RowChunks(bounds);
}

/// Gives each chunk of a part to the epilogue; a dst that is null is memory of the thread's, after its block.
void run_chunks(const WinogradCall& call, const RowChunks& pixels, Range own, Range panels, float* buffer) {
    const Range columns = call.columns(panels);
    const RowChunks& chunks = call.division.chunks;
    const std::int64_t rows = block_tiles(call, most_tiles(call));
    for (std::int64_t first = own.begin; first < own.end; first += call.division.together) {
        const std::int64_t last = std::min(first + call.division.together, own.end), pixel = pixels.begin(first);
        const Map to = call.dst.data == nullptr
                           ? Map(buffer + block_floats(call), columns.size())
                           : Map(call.dst.floats() + pixel * call.dst.ld + columns.begin, call.dst.ld);
        run_tiles(call, {chunks.begin(first), chunks.end(last - 1)}, panels, rows, buffer, {to, pixel});
        for (std::int64_t chunk = first; chunk < last; ++chunk)
            call.fusion.epilogue->take(chunk, columns.begin, columns.size(),
                                       to.floats() + (pixels.begin(chunk) - pixel) * to.ld, to.ld);
    }
}

void run(const WinogradCall& call, float* buffers) {
    const GridDivision& division = call.division;
    std::optional<RowChunks> pixels;  // it must outlive the epilogue's calls
    if (call.fusion.epilogue != nullptr) call.fusion.epilogue->begin(pixels.emplace(pixel_chunks(call)));
    const PartPlaces places(division.parts());
    parallel_parts(division.parts(), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            float* buffer = buffers + places.of(i) * part_floats(call);
            const Range own = division.chunks_of(i), panels = division.panels_of(i);
            if (pixels) {
                run_chunks(call, *pixels, own, panels, buffer);
                continue;
            }
            const Range tiles{division.chunks.begin(own.begin), division.chunks.end(own.end - 1)};
            run_tiles(call, tiles, panels, block_tiles(call, tiles.size()), buffer,
                      {{element(call.dst, call.columns(panels).begin), call.dst.ld, call.dst.type}, 0});
        }
    });
}

/// Returns the floats of run()'s buffers.
std::int64_t buffer_floats(const WinogradCall& call) {
    return PartPlaces(call.division.parts()).count * part_floats(call);
}

/// Runs a convolution of bf16, with the words that prepare(variant, memory) makes in `floats` of memory, or returns
/// because they are there.
template <class Prepare>
void run_halves(const Conv2dGeometry& g, ConstMap src, std::int64_t floats, const IgemmFusion& fusion, Map dst,
                Prepare prepare) {
    const IgemmBf16Variant& variant = select(igemm_bf16_variants);
    const auto run_as = [&](const IgemmFusion& fused, const Map& to) {
        WinogradCall call(variant.words, g, g.ic / 2, src, nullptr, fused, to);
        float* memory = floats_of_scratch(floats + buffer_floats(call));
        call.weights = prepare(variant, memory);
        run(call, memory + floats);
    };
    if (variant.rounds && fusion.epilogue == nullptr && !RowActivation(fusion.activation) && dst.data != nullptr)
        return run_as(fusion, dst);
    RoundedRows rounded(variant, {}, fusion, dst);
    run_as({.src_affine = fusion.src_affine, .bias = fusion.bias, .epilogue = &rounded}, {});
}

/// Transforms the weights by transform(TransformedWeights) and runs.
template <class Transform>
void transform_and_run(const Conv2dGeometry& g, ConstMap src, const IgemmFusion& fusion, Map dst, Transform transform) {
    const bool halves = src.type == DType::bf16;
    const std::int64_t weights = TransformedWeights::floats(g, halves);
    if (!halves) {
        WinogradCall call(select(igemm_variants), g, g.ic, src, nullptr, fusion, dst);
        float* memory = floats_of_scratch(weights + buffer_floats(call));
        transform(TransformedWeights(nullptr, g, memory));
        call.weights = memory;
        return run(call, memory + weights);
    }
    run_halves(g, src, weights, fusion, dst, [&](const IgemmBf16Variant& variant, float* memory) {
        transform(TransformedWeights(&variant, g, memory));
        return static_cast<const float*>(memory);
    });
}

}  // namespace

bool winograd_serves(const Conv2dGeometry& g) { return winograd_serves(g, igemm_columns()); }
bool winograd_serves(const Conv2dGeometry& g, int columns) {
    return igemm_serves(g, columns) && winograd_forwards(g, columns);
}

bool winograd_forwards(const Conv2dGeometry& g) { return winograd_forwards(g, igemm_columns()); }
bool winograd_forwards(const Conv2dGeometry& g, int columns) {
    return igemm_forwards(g, columns) && g.kh == 3 && g.kw == 3 && g.stride_h == 1 && g.stride_w == 1 &&
           g.dilation_h == 1 && g.dilation_w == 1 && g.pad_h <= 2 && g.pad_w <= 2 && g.pad_h + g.far_h <= 2 &&
           g.pad_w + g.far_w <= 2;
}

bool winograd_wins(const Conv2dGeometry& g) { return winograd_wins(g, igemm_columns()); }
bool winograd_wins(const Conv2dGeometry& g, int columns) {
    return winograd_serves(g, columns) && g.n * g.oh() * g.ow() >= kLeastPixels;
}

bool winograd_wins_transformed(const Conv2dGeometry& g, int columns) {
    return winograd_forwards(g, columns) && g.n * g.oh() * g.ow() >= kLeastPreparedPixels;
}

Conv2dGeometry winograd_backward_geometry(const Conv2dGeometry& g) {
    return {g.n, g.oc, g.oh(), g.ow(), g.ic, 3, 3, 1, 1, 2 - g.pad_h, 2 - g.pad_w, 1, 1, 1, -g.far_h, -g.far_w};
}

bool winograd_wins(const Conv2dGeometry& g, const Isa& isa, DType type) {
    return winograd_wins(g, igemm_columns(isa)) && (!is_on_matrix(isa, type) || saved_on_matrix(g, true) > 0);
}

bool winograd_wins_transformed(const Conv2dGeometry& g, const Isa& isa, DType type) {
    return winograd_wins_transformed(g, igemm_columns(isa)) &&
           (!is_on_matrix(isa, type) || saved_on_matrix(g, false) > 0);
}

std::int64_t winograd_weights_floats(const Conv2dGeometry& g) { return kWinogradPositions * g.ic * g.oc; }

void winograd_transform_weights(const Conv2dGeometry& g, const float* weights, float* transformed) {
    transform_weights(select(igemm_variants), g, weights, TransformedWeights(nullptr, g, transformed));
}

void winograd_forward_transformed(const Conv2dGeometry& g, ConstMap src, const float* transformed,
                                  const IgemmFusion& fusion, Map dst) {
    if (src.type == DType::bf16)
        return run_halves(g, src, 0, fusion, dst, [&](const IgemmBf16Variant&, float*) { return transformed; });
    const WinogradCall call(select(igemm_variants), g, g.ic, src, transformed, fusion, dst);
    run(call, floats_of_scratch(buffer_floats(call)));
}

void winograd_forward(const Conv2dGeometry& g, ConstMap src, const float* weights, const IgemmFusion& fusion, Map dst) {
    transform_and_run(g, src, fusion, dst,
                      [&](const TransformedWeights& to) { transform_weights(select(igemm_variants), g, weights, to); });
}

void winograd_backward_data(const Conv2dGeometry& g, ConstMap diff_dst, const float* weights, const IgemmFusion& fusion,
                            Map diff_src) {
    const Conv2dGeometry back = winograd_backward_geometry(g);
    transform_and_run(back, diff_dst, fusion, diff_src, [&](const TransformedWeights& to) {
        transform_backward_weights(select(igemm_variants), g, weights, to);
    });
}

}  // namespace keel::kernels
