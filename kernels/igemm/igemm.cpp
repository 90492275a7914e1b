#include "kernels/igemm/igemm.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/igemm/split.h"
#include "kernels/igemm/variants.h"
#include "kernels/parallel.h"
#include "kernels/scratch.h"

namespace keel::kernels {
namespace {

constexpr int kMostRows = 12;
/// Channels that a tile reads from its pixels before it turns to the next panel: they stay in the first-level cache.
constexpr std::int64_t kBlockDepth = 576;
/// Weights that stay in the second-level cache while all tiles pass by.
constexpr std::int64_t kBlockBytes = 384 << 10;
/// Between the rows of a tile's source, so that rows of a power of two do not all fall into the same sets of the cache.
constexpr std::int64_t kRowPadding = 16;

/// The source pixel of grid point (y, x) is (y * step_h + dy, x * step_w + dx).
struct Tap {
    std::int64_t dy, dx;
};

/// A walk over grid points: each gathers from src through the taps and is written to pixel (y * dst_step_h + dst_y, ...) of dst.
/// Weights are panels [columns / variant.columns][taps][depth][variant.columns].
struct Walk {
    std::int64_t n, grid_h, grid_w;
    std::int64_t src_h, src_w, depth, step_h, step_w;
    std::int64_t dst_h, dst_w, columns, dst_step_h, dst_step_w, dst_y, dst_x;
    std::vector<Tap> taps;

    std::int64_t points() const { return n * grid_h * grid_w; }
    /// Whether grid point i reads pixel i of src and is written to pixel i of dst.
    bool flat() const {
        return taps.size() == 1 && taps[0].dy == 0 && taps[0].dx == 0 && step_h == 1 && step_w == 1 && grid_h == src_h &&
               grid_w == src_w && dst_h == src_h && dst_w == src_w && dst_step_h == 1 && dst_step_w == 1;
    }
};

/// A piece of the product's depth: some taps whole, or some channels of one tap; its weights are dense in a panel.
struct DepthBlock {
    std::int64_t tap, taps, channel, depth;
};

std::vector<DepthBlock> depth_blocks(std::int64_t taps, std::int64_t depth) {
    if (taps == 0) return {{0, 0, 0, 0}};  // pixels that nobody reads: a visit that only writes zeros
    std::vector<DepthBlock> blocks;
    const std::int64_t pieces = chunk_count(depth, kBlockDepth), channels = chunk_count(depth, 2 * pieces) * 2;
    const std::int64_t visits = chunk_count(taps, kBlockDepth / channels), together = chunk_count(taps, visits);
    for (std::int64_t tap = 0; tap < taps; tap += together)
        for (std::int64_t channel = 0; channel < depth; channel += channels)
            blocks.push_back({tap, std::min(together, taps - tap), channel, std::min(channels, depth - channel)});
    return blocks;
}

/// Where a chunk of grid points goes: a map, or memory of the thread's for those columns of those pixels.
struct Target {
    Map map;
    std::int64_t first_pixel = 0, first_column = 0;

    float* at(std::int64_t pixel, std::int64_t column) const {
        return map.data + (pixel - first_pixel) * map.ld + (column - first_column);
    }
};

/// What the threads of a walk share.
struct Job {
    const IgemmVariant& variant;
    const Walk& walk;
    ConstMap src;
    const float* weights;
    const IgemmFusion& fusion;
    std::vector<DepthBlock> blocks;
    const float* zeros;  ///< a pixel outside the map
    bool flat;
    std::array<RowMap, 2> reads;  ///< of the sink
};

/// A tile's pixels; those beyond the last grid point repeat its first one as source and have the spare row as destination.
class Tile {
public:
    Tile(const Job& job, float* buffer) : job_(job), rows_(job.variant.rows), gathered_(buffer), spare_(buffer + rows_ * kRow) {
        std::int64_t taps = 0;
        for (const DepthBlock& block : job.blocks) taps = std::max(taps, block.taps);
        src_.resize(static_cast<std::size_t>(taps));
    }

    /// The buffer: source pixels, normalised or apart in the map, and the spare row.
    static std::int64_t floats(const IgemmVariant& v, const Walk& walk) { return v.rows * kRow + walk.columns; }

    /// The tile's points before `end`.
    void locate(std::int64_t tile, std::int64_t end) {
        const std::int64_t first = tile * rows_;
        valid_ = static_cast<int>(std::min<std::int64_t>(rows_, end - first));
        if (!job_.flat) return locate_points(tile);
        for (int r = 0; r < rows_; ++r) offsets_[r] = first + (r < valid_ ? r : 0);
    }

    void gather(const DepthBlock& block) {
        const Walk& w = job_.walk;
        const ConvAffine& f = job_.fusion.src_affine;
        const bool affine = f.scale != nullptr;
        IgemmGather t{
            pixels_,   block.depth, affine ? f.scale + block.channel : nullptr, affine ? f.shift + block.channel : nullptr, f.relu,
            gathered_, kRow};
        for (std::int64_t tap = 0; tap < block.taps; ++tap, t.dst += block.depth) {
            const bool even = find_pixels(w.taps[static_cast<std::size_t>(block.tap + tap)], block.channel);
            if (even && !affine) {
                src_[static_cast<std::size_t>(tap)] = {pixels_[0], w.step_w * job_.src.ld};
                continue;
            }
            job_.variant.gather(t);
            src_[static_cast<std::size_t>(tap)] = {t.dst, kRow};
        }
        for (int r = 0; r < rows_; ++r) pixels_[r] += rows_ * w.step_w * job_.src.ld;  // of the next tile, to be fetched
    }

    void multiply(const DepthBlock& block, Range panels, const Target& target) {
        const bool first = &block == job_.blocks.data(), last = &block == &job_.blocks.back();
        const std::int64_t width = job_.variant.columns, column = panels.begin * width, depth = job_.walk.depth;
        const IgemmFusion& f = job_.fusion;
        // A residual that dst holds already is what the first visit adds to.
        const bool in_place = f.residual.data != nullptr && f.residual.data == target.map.data;
        const bool adds = last && f.residual.data != nullptr && !in_place;
        float* dst[kMostRows];
        const float* residual[kMostRows];
        for (int r = 0; r < rows_; ++r) {
            dst[r] = r < valid_ ? target.at(offsets_[r], column) : spare_;
            if (adds) residual[r] = f.residual.data + offsets_[r] * f.residual.ld + column;
        }
        const float* ahead[2][kMostRows];
        const bool ahead_is[2] = {look_ahead(0, column, dst, target, ahead[0]), look_ahead(1, column, dst, target, ahead[1])};
        const auto taps = static_cast<std::int64_t>(job_.walk.taps.size());
        const float* weights = job_.weights + ((panels.begin * taps + block.tap) * depth + block.channel) * width;
        job_.variant.tile({src_.data(),
                           block.taps,
                           block.depth,
                           weights,
                           taps * depth * width,
                           panels.size(),
                           dst,
                           first && f.bias != nullptr ? f.bias + column : nullptr,
                           adds ? residual : nullptr,
                           pixels_,
                           {ahead_is[0] ? ahead[0] : nullptr, ahead_is[1] ? ahead[1] : nullptr},
                           !first || in_place,
                           last && f.relu});
    }

private:
    static constexpr std::int64_t kRow = kBlockDepth + kRowPadding;

    struct Point {
        std::int64_t image, y, x;  ///< image counts rows of src
    };

    /// Tiles come in order, so that a division is needed for the first only.
    void locate_points(std::int64_t tile) {
        const Walk& w = job_.walk;
        if (tile != next_) {
            const std::int64_t point = tile * rows_;
            n_ = point / w.grid_w / w.grid_h;
            y_ = point / w.grid_w % w.grid_h;
            x_ = point % w.grid_w;
        }
        next_ = tile + 1;
        one_row_ = x_ + rows_ <= w.grid_w;
        for (int r = 0; r < rows_; ++r) {
            if (r >= valid_) {
                points_[r] = points_[0];
                offsets_[r] = offsets_[0];
                continue;
            }
            points_[r] = {n_ * w.src_h, y_ * w.step_h, x_ * w.step_w};
            offsets_[r] = (n_ * w.dst_h + y_ * w.dst_step_h + w.dst_y) * w.dst_w + x_ * w.dst_step_w + w.dst_x;
            if (++x_ < w.grid_w) continue;
            x_ = 0;
            if (++y_ < w.grid_h) continue;
            y_ = 0;
            ++n_;
        }
    }

    /// What is wanted soon, first or second: what a sink will read beside this tile, else where the next one goes.
    bool look_ahead(int index, std::int64_t column, float* const* dst, const Target& target, const float** rows) const {
        const RowMap map = job_.reads[static_cast<std::size_t>(index)];
        const bool next = map.data == nullptr;
        if (next && (index == 1) == (job_.reads[0].data == nullptr)) return false;
        for (int r = 0; r < rows_; ++r)
            rows[r] = next ? dst[r] + rows_ * job_.walk.dst_step_w * target.map.ld : map.data + offsets_[r] * map.ld + column;
        return true;
    }

    /// The tile's source pixels at a tap. True if they are evenly spaced.
    bool find_pixels(Tap tap, std::int64_t channel) {
        const Walk& w = job_.walk;
        const float* src = job_.src.data + channel;
        if (job_.flat) {
            for (int r = 0; r < rows_; ++r) pixels_[r] = src + offsets_[r] * job_.src.ld;
            return valid_ == rows_;
        }
        int inside = 0;
        for (int r = 0; r < rows_; ++r) {
            const std::int64_t y = points_[r].y + tap.dy, x = points_[r].x + tap.dx;
            if (y >= 0 && y < w.src_h && x >= 0 && x < w.src_w) {
                pixels_[r] = src + ((points_[r].image + y) * w.src_w + x) * job_.src.ld;
                ++inside;
            } else
                pixels_[r] = job_.zeros;
        }
        return one_row_ && inside == rows_;
    }

    const Job& job_;
    int rows_, valid_ = 0;
    bool one_row_ = false;                            ///< of the grid
    std::int64_t next_ = -1, n_ = 0, y_ = 0, x_ = 0;  ///< the tile after the last one located, and its first grid point
    float *gathered_, *spare_;
    Point points_[kMostRows];
    std::int64_t offsets_[kMostRows];  ///< pixels in dst
    const float* pixels_[kMostRows];   ///< found last, then those to be fetched
    std::vector<IgemmSource> src_;     ///< of each tap
};

/// Grid points [points.begin, points.end), of which the first begins a tile.
void run_part(const Job& job, Range points, Range panels, const Target& target, Tile& tile) {
    const std::int64_t rows = job.variant.rows;
    const Range tiles{points.begin / rows, chunk_count(points.end, rows)};
    for (const DepthBlock& block : job.blocks) {
        const std::int64_t bytes = block.taps * block.depth * job.variant.columns * static_cast<std::int64_t>(sizeof(float));
        const std::int64_t group = std::max<std::int64_t>(1, kBlockBytes / std::max<std::int64_t>(1, bytes));
        for (std::int64_t first = panels.begin; first < panels.end; first += group)
            for (std::int64_t index = tiles.begin; index < tiles.end; ++index) {
                tile.locate(index, points.end);
                tile.gather(block);
                tile.multiply(block, {first, std::min(first + group, panels.end)}, target);
            }
    }
}

/// Floats of one thread: a tile's, and a chunk's columns that only the sink will see.
std::int64_t part_floats(const IgemmVariant& variant, const Walk& walk, const IgemmFusion& fusion, const Map& dst) {
    const bool aside = fusion.sink != nullptr && dst.data == nullptr;
    return Tile::floats(variant, walk) + (aside ? chunk_rows(walk.points(), walk.columns) * walk.columns : 0);
}

/// `memory` holds walk_floats().
void run(const Walk& walk, ConstMap src, const float* weights, const IgemmFusion& fusion, Map dst, float* memory) {
    const auto& variant = select(igemm_variants);
    float* zeros = memory;
    std::fill_n(zeros, walk.depth, 0.0F);
    float* buffers = zeros + walk.depth;
    const Job job{variant, walk,        src,
                  weights, fusion,      depth_blocks(static_cast<std::int64_t>(walk.taps.size()), walk.depth),
                  zeros,   walk.flat(), fusion.sink == nullptr ? std::array<RowMap, 2>{} : fusion.sink->reads()};
    // Without a sink the chunks are tiles, and a thread's are run as one.
    const std::int64_t points = walk.points();
    const RowChunks chunks(points, fusion.sink == nullptr ? variant.rows : chunk_rows(points, walk.columns));
    if (fusion.sink != nullptr) fusion.sink->begin(chunks);
    const std::int64_t panels = walk.columns / variant.columns;
    const Split split = split_units(chunks.count(), panels, thread_count());
    parallel_for(split.parts(), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            float* buffer = buffers + i * part_floats(variant, walk, fusion, dst);
            Tile tile(job, buffer);
            const Range own = part(chunks.count(), split.rows, i / split.columns),
                        own_panels = part(panels, split.columns, i % split.columns);
            if (fusion.sink == nullptr) {
                run_part(job, {chunks.begin(own.begin), chunks.end(own.end - 1)}, own_panels, {dst}, tile);
                continue;
            }
            const Range columns{own_panels.begin * variant.columns, own_panels.end * variant.columns};
            for (std::int64_t chunk = own.begin; chunk < own.end; ++chunk) {
                Target target{dst};
                if (dst.data == nullptr)
                    target = {{buffer + Tile::floats(variant, walk), columns.size()}, chunks.begin(chunk), columns.begin};
                run_part(job, {chunks.begin(chunk), chunks.end(chunk)}, own_panels, target, tile);
                fusion.sink->take(chunk, columns.begin, columns.size(), target.at(chunks.begin(chunk), columns.begin),
                                  target.map.ld);
            }
        }
    });
}

std::int64_t walk_floats(const Walk& walk, const IgemmFusion& fusion, const Map& dst) {
    return walk.depth + thread_count() * part_floats(select(igemm_variants), walk, fusion, dst);
}

/// Panels for backward data: [ic / columns][taps][oc][columns] out of the forward's [oc / columns][all taps][ic][columns].
void transpose_weights(const Conv2dGeometry& g, std::span<const std::int64_t> taps, const float* weights, float* transposed) {
    const std::int64_t columns = igemm_columns(), all_taps = std::int64_t{g.kh} * g.kw;
    const auto count = static_cast<std::int64_t>(taps.size());
    parallel_for(g.ic / columns, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t panel = begin; panel < end; ++panel)
            for (std::int64_t t = 0; t < count; ++t)
                for (std::int64_t from = 0; from < g.oc / columns; ++from) {
                    const float* src =
                        weights + ((from * all_taps + taps[static_cast<std::size_t>(t)]) * g.ic + panel * columns) * columns;
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

}  // namespace

int igemm_columns() { return select(igemm_variants).columns; }

bool igemm_serves(const Conv2dGeometry& g) { return g.groups == 1 && g.ic % igemm_columns() == 0 && g.oc % igemm_columns() == 0; }

void igemm_forward(const Conv2dGeometry& g, ConstMap src, const float* weights, const IgemmFusion& fusion, Map dst) {
    Walk walk{g.n, g.oh(), g.ow(), g.ih, g.iw, g.ic, g.stride_h, g.stride_w, g.oh(), g.ow(), g.oc, 1, 1, 0, 0, {}};
    for (int ky = 0; ky < g.kh; ++ky)
        for (int kx = 0; kx < g.kw; ++kx)
            walk.taps.push_back({std::int64_t{ky} * g.dilation_h - g.pad_h, std::int64_t{kx} * g.dilation_w - g.pad_w});
    auto* memory = reinterpret_cast<float*>(scratch(static_cast<std::size_t>(walk_floats(walk, fusion, dst)) * sizeof(float)));
    run(walk, src, weights, fusion, dst, memory);
}

void igemm_backward_data(const Conv2dGeometry& g, ConstMap diff_dst, const float* weights, const IgemmFusion& fusion,
                         Map diff_src) {
    const auto packed =
        static_cast<std::int64_t>(section(static_cast<std::size_t>(g.weights_elements()) * sizeof(float)) / sizeof(float));
    for (std::int64_t py = 0; py < g.stride_h; ++py)
        for (std::int64_t px = 0; px < g.stride_w; ++px) {
            const Phase ys = phase_of(g.ih, g.kh, g.stride_h, g.pad_h, g.dilation_h, py);
            const Phase xs = phase_of(g.iw, g.kw, g.stride_w, g.pad_w, g.dilation_w, px);
            Walk walk{g.n, ys.count, xs.count, g.oh(), g.ow(), g.oc, 1, 1, g.ih, g.iw, g.ic, g.stride_h, g.stride_w, py, px, {}};
            if (walk.points() == 0) continue;
            std::vector<std::int64_t> taps;
            for (std::size_t y = 0; y < ys.taps.size(); ++y)
                for (std::size_t x = 0; x < xs.taps.size(); ++x) {
                    walk.taps.push_back({ys.offsets[y], xs.offsets[x]});
                    taps.push_back(ys.taps[y] * g.kw + xs.taps[x]);
                }
            const std::int64_t floats = packed + walk_floats(walk, fusion, diff_src);
            auto* memory = reinterpret_cast<float*>(scratch(static_cast<std::size_t>(floats) * sizeof(float)));
            transpose_weights(g, taps, weights, memory);
            run(walk, diff_dst, memory, fusion, diff_src, memory + packed);
        }
}

}  // namespace keel::kernels
