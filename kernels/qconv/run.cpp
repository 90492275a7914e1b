// The walk over the tiles of a convolution of codes.
#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "kernels/igemm/split.h"
#include "kernels/parallel.h"
#include "kernels/profile.h"
#include "kernels/qconv/qconv.h"
#include "kernels/qconv/variants.h"
#include "kernels/scratch.h"

namespace keel::kernels {
namespace {

/// Weights that stay in the second-level cache while all tiles pass by.
constexpr std::int64_t kBlockBytes = 512 << 10;
/// Source elements between the rows of a gathered tile, so that rows of a power of two do not all fall into the same sets of the
/// first-level cache; where rows of the map itself would, they are gathered.
constexpr std::int64_t kRowPadding = 64, kSameSets = 4096;

/// Some columns of the result, and what they are made with.
struct Panel {
    const std::byte* weights;
    const float *scale, *shift, *residual_scale;
    std::int64_t column, columns;
    int vectors;
};

std::vector<Panel> panels_of(const QconvPlan& p, const QconvOperands& o) {
    const auto factors = p.factors(o.packed);
    std::vector<Panel> panels;
    for (std::int64_t group = 0; group < p.g.groups; ++group)
        for (std::int64_t first = 0; first < p.columns(); first += p.panel()) {
            const std::int64_t before = group * p.columns() + first, width = std::min(p.panel(), p.columns() - first);
            panels.push_back({o.packed + p.weight_bytes(before), factors[0] + before, factors[1] + before,
                              o.residual.data != nullptr ? factors[2] + before : nullptr, group * p.oc() + first,
                              std::min(width, p.oc() - first), static_cast<int>(width / p.variant->width)});
        }
    return panels;
}

/// What the threads of a run share.
struct Job {
    Job(const QconvPlan& p, std::int64_t n, const QconvOperands& operands)
        : plan(p),
          v(*p.variant),
          o(operands),
          points(n * p.g.oh() * p.g.ow()),
          rows(even_share(points, v.rows[std::min<std::int64_t>(v.vectors, p.columns() / v.width)])),
          flat(p.g.pointwise() && p.g.stride_h == 1 && p.g.stride_w == 1 && p.g.pad_h == 0 && p.g.pad_w == 0),
          plain(operands.before.low == nullptr && operands.before.scale == nullptr),
          in_place(plain && v.bytes == 1 && !p.merged && p.ic() == p.depth),
          row_length(p.products() + kRowPadding),
          src_end(operands.src.data + n * p.g.ih * p.g.iw * operands.src.ld),
          panels(panels_of(p, operands)) {}

    const QconvPlan& plan;
    const QconvVariant& v;
    const QconvOperands& o;
    std::int64_t points, rows;          ///< rows: of a tile
    bool flat;                          ///< point i reads pixel i of src
    bool plain;                         ///< codes are read as they are
    bool in_place;                      ///< they may be read where they are
    std::int64_t row_length;            ///< of a gathered tile, in source elements
    const std::uint8_t* src_end;        ///< behind its last pixel
    std::vector<Panel> panels;          ///< of all groups
    const std::uint8_t* pad = nullptr;  ///< [g.ic]

    std::size_t gathered_bytes() const { return section(static_cast<std::size_t>(rows * row_length * v.bytes)); }
};

/// A tile's pixels; those of one group of channels.
class Tile {
public:
    Tile(const Job& job, std::int64_t group, std::byte* memory)
        : job_(job),
          g_(job.plan.g),
          channel_(group * job.plan.ic()),
          gathered_(memory),
          src_(static_cast<std::size_t>(job.plan.segments)),
          ow_(job.plan.g.ow()),
          oh_(job.plan.g.oh()) {}

    void run(Range tiles, std::span<const Panel> panels) {
        for (std::int64_t tile = tiles.begin; tile < tiles.end; ++tile) {
            first_ = tile * job_.rows;
            rows_ = static_cast<int>(std::min(job_.rows, job_.points - first_));
            locate();
            if (job_.flat)
                find_flat();
            else if (job_.plan.merged)
                find_merged();
            else
                find_taps();
            multiply(panels);
        }
    }

private:
    const std::uint8_t* pixel(std::int64_t index) const { return job_.o.src.data + index * job_.o.src.ld + channel_; }
    const std::uint8_t* pad() const { return job_.pad + channel_; }

    static bool same_sets(std::int64_t distance) { return distance % kSameSets == 0; }

    /// Where the window of each point begins. Tiles come in order, so that divisions are needed for the first only.
    void locate() {
        if (job_.flat) return;
        if (first_ != next_point_) {
            next_x_ = first_ % ow_;
            next_y_ = first_ / ow_ % oh_;
            next_n_ = first_ / ow_ / oh_;
        }
        next_point_ = first_ + rows_;
        one_row_ = next_x_ + rows_ <= ow_;
        for (int r = 0; r < rows_; ++r) {
            image_[r] = next_n_ * g_.ih;
            y_[r] = next_y_ * g_.stride_h - g_.pad_h;
            x_[r] = next_x_ * g_.stride_w - g_.pad_w;
            if (++next_x_ < ow_) continue;
            next_x_ = 0;
            if (++next_y_ < oh_) continue;
            next_y_ = 0;
            ++next_n_;
        }
    }

    void gather(std::int64_t segment) {
        const std::int64_t at = segment * job_.plan.depth;
        std::byte* dst = gathered_ + at * job_.v.bytes;
        gather_rows(rows_, pixels_, inside_, job_.plan.ic(), dst);
        src_[static_cast<std::size_t>(segment)] = {dst, job_.row_length};
    }

    void gather_rows(int rows, const std::uint8_t* const* pixels, const bool* inside, std::int64_t depth, void* dst) const {
        const QuantBefore& b = job_.o.before;
        const auto of_group = [&](const auto* values) { return values == nullptr ? values : values + channel_; };
        job_.v.gather({rows, pixels, inside, depth, of_group(b.low), of_group(b.high), of_group(b.scale), of_group(b.shift), dst,
                       job_.row_length});
    }

    void find_flat() {
        if (job_.in_place && !same_sets(job_.o.src.ld)) {
            src_[0] = {pixel(first_), job_.o.src.ld};
            return;
        }
        for (int r = 0; r < rows_; ++r) {
            pixels_[r] = pixel(first_ + r);
            inside_[r] = true;
        }
        gather(0);
    }

    void find_taps() {
        const std::int64_t step = g_.stride_w * job_.o.src.ld;
        const bool may_stay = one_row_ && job_.in_place && !same_sets(step);
        std::int64_t segment = 0;
        for (std::int64_t ky = 0; ky < g_.kh; ++ky) {
            std::int64_t line[kQconvMostRows];
            for (int r = 0; r < rows_; ++r) line[r] = line_of(r, ky);
            for (std::int64_t kx = 0; kx < g_.kw; ++kx, ++segment) {
                const std::int64_t dx = kx * g_.dilation_w, last = x_[rows_ - 1] + dx;
                if (may_stay && line[0] >= 0 && x_[0] + dx >= 0 && last < g_.iw) {
                    src_[static_cast<std::size_t>(segment)] = {pixel(line[0] + x_[0] + dx), step};
                    continue;
                }
                for (int r = 0; r < rows_; ++r) {
                    const std::int64_t x = x_[r] + dx;
                    inside_[r] = line[r] >= 0 && x >= 0 && x < g_.iw;
                    pixels_[r] = inside_[r] ? pixel(line[r] + x) : pad();
                }
                gather(segment);
            }
        }
    }

    /// The first pixel of the line that a row's window has at ky; -1 outside the map.
    std::int64_t line_of(int r, std::int64_t ky) const {
        const std::int64_t y = y_[r] + ky * g_.dilation_h;
        return y >= 0 && y < g_.ih ? (image_[r] + y) * g_.iw : -1;
    }

    void find_merged() {
        const std::int64_t ic = job_.plan.ic();
        const bool whole = job_.plain && job_.o.src.ld == ic;  // a row of the kernel is one piece of memory
        for (std::int64_t ky = 0; ky < g_.kh; ++ky) {
            std::byte* segment = gathered_ + ky * job_.plan.depth * job_.v.bytes;
            for (int r = 0; r < rows_; ++r) {
                std::byte* dst = segment + r * job_.row_length * job_.v.bytes;
                const std::int64_t line = line_of(r, ky);
                if (whole && line >= 0 && x_[r] >= 0 && x_[r] + g_.kw <= g_.iw) {
                    copy_run(pixel(line + x_[r]), g_.kw * ic, dst);
                    continue;
                }
                for (std::int64_t x = x_[r]; x < x_[r] + g_.kw; ++x, dst += ic * job_.v.bytes) {
                    const bool inside = line >= 0 && x >= 0 && x < g_.iw;
                    copy(inside ? pixel(line + x) : pad(), inside, ic, dst);
                }
            }
        }
        src_[0] = {gathered_, job_.row_length};
    }

    /// What follows a short run may be written over: it comes later, and behind a row there is room.
    void copy_run(const std::uint8_t* from, std::int64_t count, std::byte* to) const {
        constexpr std::int64_t kShort = 32;
        static_assert(kShort <= kRowPadding);
        if (job_.v.bytes == 1 && count <= kShort && from + kShort <= job_.src_end)
            std::memcpy(to, from, kShort);
        else
            copy(from, true, count, to);
    }

    void copy(const std::uint8_t* from, bool inside, std::int64_t count, std::byte* to) const {
        if (job_.plain && job_.v.bytes == 1)
            std::memcpy(to, from, static_cast<std::size_t>(count));
        else
            gather_rows(1, &from, &inside, count, to);
    }

    void multiply(std::span<const Panel> panels) const {
        const QconvOperands& o = job_.o;
        QconvTile t{};
        t.rows = rows_;
        t.src = src_.data();
        t.segments = job_.plan.merged ? 1 : job_.plan.segments;  // gathered rows are of one piece
        t.depth = job_.plan.merged ? job_.plan.products() : job_.plan.depth;
        t.residual_row = o.residual.ld;
        t.least = o.least;
        t.dst_row = o.dst.data != nullptr ? o.dst.ld : o.floats.ld;
        for (const Panel& panel : panels) {
            t.vectors = panel.vectors;
            t.weights = panel.weights;
            t.scale = panel.scale;
            t.shift = panel.shift;
            t.columns = panel.columns;
            if (o.residual.data != nullptr) {
                t.residual_scale = panel.residual_scale;
                t.residual = o.residual.data + first_ * o.residual.ld + panel.column;
            }
            if (o.dst.data != nullptr)
                t.dst = o.dst.data + first_ * t.dst_row + panel.column;
            else
                t.floats = o.floats.data + first_ * t.dst_row + panel.column;
            job_.v.tile(t);
        }
    }

    const Job& job_;
    const Conv2dGeometry& g_;
    std::int64_t channel_;
    std::byte* gathered_;
    std::vector<QconvSource> src_;  ///< of each segment

    std::int64_t first_ = 0;  ///< the tile's first point
    int rows_ = 0;
    bool one_row_ = false;  ///< of dst
    std::int64_t ow_, oh_, next_point_ = -1, next_x_ = 0, next_y_ = 0, next_n_ = 0;
    std::int64_t image_[kQconvMostRows], y_[kQconvMostRows], x_[kQconvMostRows];
    const std::uint8_t* pixels_[kQconvMostRows];
    bool inside_[kQconvMostRows];
};

/// The panels of all groups are counted through.
void run_part(const Job& job, Range tiles, Range panels, std::byte* memory) {
    const std::int64_t of_group = job.plan.panels();
    const std::int64_t most = std::max<std::int64_t>(1, kBlockBytes / job.plan.weight_bytes(job.plan.panel()));
    for (std::int64_t first = panels.begin; first < panels.end;) {
        const std::int64_t group = first / of_group, end = std::min(panels.end, (group + 1) * of_group);
        const std::int64_t last = first + even_share(end - first, most);
        Tile(job, group, memory)
            .run(tiles, std::span(job.panels).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first)));
        first = last;
    }
}

profile::Cost cost_of(const Conv2dGeometry& g, const QconvOperands& o) {
    const auto dst = static_cast<double>(g.n * g.oh() * g.ow() * g.oc);
    return {2.0 * static_cast<double>(g.macs()),
            static_cast<double>(g.n * g.ih * g.iw * g.ic + g.weights_elements()) +
                dst * ((o.dst.data != nullptr ? 1 : 4) + (o.residual.data != nullptr ? 1 : 0))};
}

}  // namespace

void Qconv::run(std::int64_t n, const QconvOperands& operands) const {
    Conv2dGeometry g = plan_.g;
    g.n = n;
    check_geometry(g);
    const profile::Span span("qconv", cost_of(g, operands));
    Job job(plan_, n, operands);
    const std::int64_t tiles = chunk_count(job.points, job.rows), panels = g.groups * plan_.panels();
    const Split split = split_units(tiles, panels, thread_count());
    const std::size_t zeros = section(static_cast<std::size_t>(g.ic));
    std::byte* memory = scratch(zeros + static_cast<std::size_t>(split.parts()) * job.gathered_bytes());
    std::memset(memory, 0, zeros);
    job.pad = operands.pad != nullptr ? operands.pad : reinterpret_cast<const std::uint8_t*>(memory);
    parallel_for(split.parts(), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            run_part(job, part(tiles, split.rows, i / split.columns), part(panels, split.columns, i % split.columns),
                     memory + zeros + static_cast<std::size_t>(i) * job.gathered_bytes());
    });
}

}  // namespace keel::kernels
