#include "kernels/qconv/winograd.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

#include "kernels/parallel.h"
#include "kernels/replicas.h"

namespace keel::kernels::qconv {
namespace {

/// The transformed source of a block of tiles stays in the second-level cache, where tiles are not fewer than so many
/// that weights are read from beyond it too often.
constexpr std::int64_t kBlockBytes = 256 << 10, kLeastTiles = 24;
/// Elements between positions, so that stores to all of them do not fall into one set of the first-level cache.
constexpr std::int64_t kPositionPadding = 32;
constexpr int kMostPositions = 36;

/// What the transforms of a tile take for each channel of the source and of the result, in products of s16 that could
/// be made meanwhile, and what a byte of the weights does, which come from memory where layers are many. Measured on a
/// Zen 4; of a few channels the products' own overhead is too much.
struct Transforms {
    int edge;
    double source, result;
};
constexpr Transforms kTransforms[] = {{2, 60, 100}, {4, 220, 360}};
constexpr double kByteProducts = 4;
constexpr std::int64_t kLeastChannels = 16;

/// G of a row or column, times s (winograd.h).
void transform_weights(const std::int32_t* w, std::int64_t step, int edge, std::int32_t* u) {
    const std::int32_t a = w[0], b = w[step], c = w[2 * step];
    u[0] = a;
    u[1] = a + b + c;
    u[2] = a - b + c;
    if (edge == 4) {
        u[3] = a + 2 * b + 4 * c;
        u[4] = a - 2 * b + 4 * c;
    }
    u[edge + 1] = c;
}

/// Writes the positions of one channel's kernel, `step` apart.
void pack_kernel(const std::int8_t* kernel, int edge, std::int64_t step, std::int16_t* packed) {
    const int positions = edge + 2;
    std::int32_t plain[9], rows[3][6], column[6];
    for (int i = 0; i < 9; ++i) plain[i] = kernel[i];
    for (int y = 0; y < 3; ++y) transform_weights(plain + 3 * y, 1, edge, rows[y]);
    for (int x = 0; x < positions; ++x) {
        transform_weights(&rows[0][x], 6, edge, column);
        for (int y = 0; y < positions; ++y) packed[(y * positions + x) * step] = static_cast<std::int16_t>(column[y]);
    }
}

/// Returns the channels of piece `index` of `pieces`, in whole pairs. Twice as many pieces are halves of these.
Range channels_of(const QconvPlan& plan, std::int64_t pieces, std::int64_t index) {
    const Range pairs = part(plan.depth / 2, pieces, index);
    return {2 * pairs.begin, 2 * pairs.end};
}

/// Whether sums of a column over `channels` are recovered from what remains of them.
bool fits(const QconvPlan& plan, const std::int8_t* weights, Range channels) {
    const std::int64_t most = plan.winograd == 4 ? std::int64_t{1} << 25 : std::int64_t{1} << 29;
    std::int64_t above = 0, below = 0;
    for (std::int64_t i = 9 * channels.begin; i < 9 * std::min(channels.end, plan.ic()); ++i)
        (weights[i] > 0 ? above : below) += weights[i];
    return 255 * above < most && -255 * below < most;
}

/// Returns the fewest pieces, a power of two, for which all sums of a column are.
std::int64_t pieces_for(const QconvPlan& plan, const std::int8_t* weights) {
    const auto all_fit = [&](std::int64_t pieces) {
        for (std::int64_t i = 0; i < pieces; ++i)
            if (!fits(plan, weights, channels_of(plan, pieces, i))) return false;
        return true;
    };
    std::int64_t pieces = 1;
    while (!all_fit(pieces)) pieces *= 2;  // a pair of channels always does
    return pieces;
}

void pack_column(const QconvPlan& plan, const std::int8_t* weights, std::int64_t column, std::byte* packed) {
    const std::int64_t first = column / plan.panel() * plan.panel();
    const std::int64_t width = std::min(plan.panel(), plan.columns() - first);
    auto* panel = reinterpret_cast<std::int16_t*>(packed + plan.weight_bytes(first));
    for (std::int64_t c = 0; c < plan.ic(); ++c)
        pack_kernel(weights + 9 * c, plan.winograd, plan.depth * width,
                    panel + (c / 2 * width + column - first) * 2 + c % 2);
}

/// Tiles of the result, counted through all images.
struct WinogradGrid {
    explicit WinogradGrid(const QconvPlan& plan)
        : edge(plan.winograd), h(chunk_count(plan.g.oh(), edge)), w(chunk_count(plan.g.ow(), edge)) {}
    struct Place {
        std::int64_t n, y, x;  ///< of the first pixel
    };
    Place at(std::int64_t index) const { return {index / w / h, edge * (index / w % h), edge * (index % w)}; }

    std::int64_t edge, h, w;
};

/// The memory of a part, in this order.
struct WinogradMemory {
    WinogradMemory(const QconvCall& call, std::int64_t most_tiles)
        : positions(call.plan.positions()),
          row((call.plan.depth + 2 * call.v.width - 1) / (2 * call.v.width) * (2 * call.v.width)),
          pieces(*reinterpret_cast<const std::int64_t*>(near_copy(call.o.packed) + call.plan.pieces_at())) {
        const std::int64_t rows = call.v.winograd->rows, fit = kBlockBytes / (positions * row * 2);
        tiles = std::min(std::max(fit / rows * rows, kLeastTiles), most_tiles);
        v_position = tiles * row + kPositionPadding;
        m_position = tiles * call.plan.panel() + kPositionPadding;
        sums = std::int64_t{call.plan.winograd} * call.plan.winograd * call.plan.panel();
        gathered_bytes = call.plain ? 0 : section(static_cast<std::size_t>(positions * row * call.v.bytes));
        v_bytes = section(static_cast<std::size_t>(positions * v_position * 2));
        m_bytes = section(static_cast<std::size_t>(positions * m_position * 4));
        sums_bytes = section(static_cast<std::size_t>((pieces == 1 ? 1 : tiles) * sums * 4));
    }
    std::size_t bytes() const { return gathered_bytes + v_bytes + m_bytes + sums_bytes; }

    std::int64_t positions, row, pieces;               ///< row: elements of a tile's transformed channels
    std::int64_t tiles, v_position, m_position, sums;  ///< tiles of a block at most; sums of one of them
    std::size_t gathered_bytes, v_bytes, m_bytes, sums_bytes;
};

/// Returns the most tiles of a part.
std::int64_t most_tiles(const QconvDivision& division) {
    const std::int64_t share = chunk_count(division.tiling.tiles(), division.split.rows);
    return std::min(division.tiling.points, share * division.tiling.rows);
}

class WinogradPart {
public:
    WinogradPart(const QconvCall& call, std::int64_t most, std::byte* memory)
        : call_(call),
          variant_(*call.v.winograd),
          kind_(call.plan.winograd == 4 ? 1 : 0),
          grid_(call.plan),
          layout_(call, most),
          gathered_(memory),
          v_(reinterpret_cast<std::int16_t*>(gathered_ + layout_.gathered_bytes)),
          m_(reinterpret_cast<std::int32_t*>(reinterpret_cast<std::byte*>(v_) + layout_.v_bytes)),
          sums_(reinterpret_cast<std::int32_t*>(reinterpret_cast<std::byte*>(m_) + layout_.m_bytes)) {}

    void run(Range tiles, Range panels) {
        const std::int64_t block = even_share(tiles.size(), layout_.tiles);
        for (std::int64_t first = tiles.begin; first < tiles.end; first += block) {
            const std::int64_t count = std::min(block, tiles.end - first);
            for (std::int64_t t = 0; t < count; ++t) transform_source(grid_.at(first + t), v_ + t * layout_.row);
            for (std::int64_t i = panels.begin; i < panels.end; ++i)
                run_panel(call_.panels[static_cast<std::size_t>(i)], first, count);
        }
    }

private:
    void transform_source(const WinogradGrid::Place& tile, std::int16_t* v) {
        const Conv2dGeometry& g = call_.plan.g;
        const std::int64_t edge = grid_.edge + 2, top = tile.y - g.pad_h, left = tile.x - g.pad_w;
        std::array<const std::uint8_t*, kMostPositions> pixels;
        std::array<bool, kMostPositions> inside;
        for (std::int64_t i = 0; i < layout_.positions; ++i) {
            const std::int64_t y = top + i / edge, x = left + i % edge;
            const auto at = static_cast<std::size_t>(i);
            inside[at] = y >= 0 && y < g.ih && x >= 0 && x < g.iw;
            pixels[at] = inside[at] ? call_.o.src.data + ((tile.n * g.ih + y) * g.iw + x) * call_.o.src.ld : call_.pad;
        }
        QwinogradSource t{};
        t.wide = !call_.plain && call_.v.bytes == 2;
        t.depth = g.ic;
        t.v = v;
        t.v_position = layout_.v_position;
        const QuantPrologue& p = call_.o.prologue;
        const auto rows = static_cast<int>(layout_.positions);
        if (!call_.plain)
            call_.v.gather(
                {rows, pixels.data(), inside.data(), g.ic, p.low, p.high, p.scale, p.shift, gathered_, layout_.row});
        for (std::int64_t i = 0; i < layout_.positions; ++i)
            t.src[i] = call_.plain ? static_cast<const void*>(pixels[static_cast<std::size_t>(i)])
                                   : gathered_ + i * layout_.row * call_.v.bytes;
        variant_.source[kind_](t);
    }

    void run_panel(const Panel& panel, std::int64_t first, std::int64_t count) {
        const std::int64_t columns = std::int64_t{panel.vectors} * call_.v.width;
        for (std::int64_t piece = 0; piece < layout_.pieces; ++piece) {
            multiply(panel, channels_of(call_.plan, layout_.pieces, piece), count);
            for (std::int64_t t = 0; t < count; ++t) {
                std::int32_t* sums = layout_.pieces == 1 ? sums_ : sums_ + t * layout_.sums;
                variant_.result[kind_]({m_ + t * columns, layout_.m_position, panel.vectors, sums, piece > 0});
                if (piece + 1 == layout_.pieces) finish(panel, grid_.at(first + t), sums);
            }
        }
    }

    /// Computes m[position] = v[position] * weights[position], of some channels, and fetches the next position's
    /// weights meanwhile.
    void multiply(const Panel& panel, Range channels, std::int64_t count) const {
        const std::int64_t columns = std::int64_t{panel.vectors} * call_.v.width,
                           height = even_share(count, variant_.rows), position = call_.plan.depth * columns,
                           of_row = chunk_count(position * 2, chunk_count(count, height));
        const auto* weights = reinterpret_cast<const std::int16_t*>(panel.weights);
        QconvSource src{};
        QconvTile t{};
        t.vectors = panel.vectors;
        t.src = &src;
        t.segments = 1;
        t.depth = channels.size();
        t.ahead_step = chunk_count(of_row, call_.plan.depth / 2);
        for (std::int64_t p = 0; p < layout_.positions; ++p) {
            t.weights = weights + p * position + channels.begin * columns;
            for (std::int64_t row = 0; row < count; row += height) {
                src = {v_ + p * layout_.v_position + row * layout_.row + channels.begin, layout_.row};
                t.rows = static_cast<int>(std::min(height, count - row));
                t.sums = m_ + p * layout_.m_position + row * columns;
                t.ahead = reinterpret_cast<const std::byte*>(weights + (p + 1) * position) + row / height * of_row;
                variant_.tile(t);
            }
        }
    }

    void finish(const Panel& panel, const WinogradGrid::Place& tile, const std::int32_t* sums) const {
        const std::int64_t oh = call_.plan.g.oh(), ow = call_.plan.g.ow(),
                           columns = std::int64_t{panel.vectors} * call_.v.width;
        QconvTile t{};
        t.rows = static_cast<int>(std::min(grid_.edge, ow - tile.x));
        for (std::int64_t y = 0; y < std::min(grid_.edge, oh - tile.y); ++y) {
            call_.place(panel, (tile.n * oh + tile.y + y) * ow + tile.x, t);
            variant_.finish(t, sums + y * grid_.edge * columns);
        }
    }

    const QconvCall& call_;
    const QwinogradVariant& variant_;
    int kind_;
    WinogradGrid grid_;
    WinogradMemory layout_;
    std::byte* gathered_;
    std::int16_t* v_;          ///< [position][tile][row]
    std::int32_t *m_, *sums_;  ///< [position][tile][columns]; [tile][pixel][columns]
};

}  // namespace

bool winograd_serves(const Conv2dGeometry& g, const QconvVariant& variant) {
    return variant.winograd != nullptr && g.kh == 3 && g.kw == 3 && g.stride_h == 1 && g.stride_w == 1 &&
           g.dilation_h == 1 && g.dilation_w == 1 && g.groups == 1;
}

int fastest_winograd(const Conv2dGeometry& g, const QconvVariant& variant) {
    if (!winograd_serves(g, variant) || g.ic < kLeastChannels) return 0;
    const auto channels = static_cast<double>(g.ic), columns = static_cast<double>(g.oc), kernels = channels * columns;
    double least = 2 * static_cast<double>(g.macs()) / variant.group + kByteProducts * 9 * kernels * variant.bytes;
    int best = 0;
    for (const Transforms& t : kTransforms) {
        const double positions = (t.edge + 2) * (t.edge + 2);
        const auto tiles = static_cast<double>(g.n * chunk_count(g.oh(), t.edge) * chunk_count(g.ow(), t.edge));
        const double cost = tiles * (positions * kernels + t.source * channels + t.result * columns) +
                            kByteProducts * positions * kernels * 2;
        if (cost >= least) continue;
        least = cost;
        best = t.edge;
    }
    return best;
}

void pack_winograd(const QconvPlan& plan, const std::int8_t* weights, std::byte* packed) {
    std::atomic<std::int64_t> pieces{1};
    parallel_for(plan.g.oc, chunk_count(2048, plan.g.ic), [&](std::int64_t begin, std::int64_t end) {
        std::int64_t most = 1;
        for (std::int64_t o = begin; o < end; ++o) {
            const std::int8_t* column = weights + 9 * plan.g.ic * o;
            most = std::max(most, pieces_for(plan, column));
            pack_column(plan, column, o, packed);
        }
        for (std::int64_t before = pieces; before < most && !pieces.compare_exchange_weak(before, most);) {
        }
    });
    const std::int64_t all = pieces;
    std::memcpy(packed + plan.pieces_at(), &all, sizeof all);
}

std::size_t winograd_part_bytes(const QconvCall& call, const QconvDivision& division) {
    return WinogradMemory(call, most_tiles(division)).bytes();
}

void run_winograd(const QconvCall& call, const Tiling& tiling, Range tiles, Range panels, std::byte* memory) {
    if (tiles.size() <= 0 || panels.size() <= 0) return;
    const Range points{tiling.tile(tiles.begin).begin, tiling.tile(tiles.end - 1).end};
    WinogradPart(call, points.size(), memory).run(points, panels);
}

}  // namespace keel::kernels::qconv
