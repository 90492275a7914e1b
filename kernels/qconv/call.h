// What the threads of a run of Qconv share.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/qconv/division.h"
#include "kernels/qconv/qconv.h"
#include "kernels/qconv/variants.h"
#include "kernels/scratch.h"

namespace keel::kernels::qconv {

/// Source elements between the rows of a gathered tile, so that rows of a power of two do not all fall into the same
/// sets of the first-level cache; where rows of the map itself would, they are gathered.
inline constexpr std::int64_t kRowPadding = 64, kSameSets = 4096;

/// Some columns of the result, and what they are made with.
struct Panel {
    const std::byte* weights;
    const float *scale, *shift, *residual_scale;
    std::int64_t column, columns;
    int vectors;
};

inline std::vector<Panel> panels_of(const QconvPlan& p, const QconvOperands& o) {
    const auto factors = p.factors(o.packed);
    std::vector<Panel> panels;
    panels.reserve(static_cast<std::size_t>(p.g.groups * p.panels()));
    for (std::int64_t group = 0; group < p.g.groups; ++group)
        for (std::int64_t first = 0; first < p.columns(); first += p.panel()) {
            const std::int64_t before = group * p.columns() + first, width = std::min(p.panel(), p.columns() - first);
            panels.push_back({o.packed + p.weight_bytes(before), factors[0] + before, factors[1] + before,
                              o.residual.data != nullptr ? factors[2] + before : nullptr, group * p.oc() + first,
                              std::min(width, p.oc() - first), static_cast<int>(width / p.variant->width)});
        }
    return panels;
}

struct QconvCall {
    QconvCall(const QconvPlan& p, std::int64_t n, const QconvOperands& operands)
        : plan(p),
          v(*p.variant),
          o(operands),
          images(n),
          points(n * p.g.oh() * p.g.ow()),
          most_rows(p.most_rows()),
          flat(p.flat()),
          plain(operands.prologue.low == nullptr && operands.prologue.scale == nullptr),
          in_place(plain && v.bytes == 1 && !p.merged && p.ic() == p.depth),
          row_length(p.products() + kRowPadding),
          line_length(((p.g.ow() - 1) * p.g.stride_w + p.g.kw) * p.ic() + v.group),
          lines((p.g.kh - 1) * p.g.dilation_h + 1),
          panels(panels_of(p, operands)) {}

    const QconvPlan& plan;
    const QconvVariant& v;
    const QconvOperands& o;
    std::int64_t images, points;        ///< of the result
    std::int64_t most_rows;             ///< of a tile
    bool flat;                          ///< point i reads pixel i of src
    bool plain;                         ///< quantized values are read as they are
    bool in_place;                      ///< they may be read where they are
    std::int64_t row_length;            ///< of a gathered tile, in source elements
    std::int64_t line_length, lines;    ///< of a padded line where the plan is merged, likewise; of a window
    std::vector<Panel> panels;          ///< of all groups
    const std::uint8_t* pad = nullptr;  ///< [g.ic]

    /// Reads the copy of the packed weights that lies so many bytes further on.
    void move_panels(std::ptrdiff_t bytes) {
        const auto floats = bytes / static_cast<std::ptrdiff_t>(sizeof(float));
        for (Panel& panel : panels) {
            panel.weights += bytes;
            panel.scale += floats;
            panel.shift += floats;
            if (panel.residual_scale != nullptr) panel.residual_scale += floats;
        }
    }
    /// Returns the bytes of a part: what is gathered, then what the variant keeps.
    std::size_t part_bytes() const { return gathered_bytes() + section(v.state_bytes); }
    /// Returns the bytes of the rows of a gathered tile, or of padded lines.
    std::size_t gathered_bytes() const {
        return plan.merged ? static_cast<std::size_t>(lines + 1) * line_bytes()
                           : section(static_cast<std::size_t>(most_rows * row_length * v.bytes));
    }
    /// Tells a tile what becomes of the sums of `panel`: of points from `first` on.
    void place(const Panel& panel, std::int64_t first, QconvTile& t) const {
        t.vectors = panel.vectors;
        t.scale = panel.scale;
        t.shift = panel.shift;
        t.columns = panel.columns;
        t.least = o.least;
        t.residual_row = o.residual.ld;
        t.dst_row = o.dst.data != nullptr ? o.dst.ld : o.floats.ld;
        if (o.residual.data != nullptr) {
            t.residual_scale = panel.residual_scale;
            t.residual = o.residual.data + first * o.residual.ld + panel.column;
        }
        if (o.dst.data != nullptr)
            t.dst = o.dst.data + first * t.dst_row + panel.column;
        else
            t.floats = o.floats.floats() + first * t.dst_row + panel.column;
    }

    std::size_t line_bytes() const { return section(static_cast<std::size_t>(line_length * v.bytes)); }

    /// Gathers `depth` quantized values of each row, as source elements, from channel `channel` on: read through
    /// `prologue` where inside.
    void gather(int rows, const std::uint8_t* const* pixels, const bool* inside, std::int64_t channel,
                std::int64_t depth, void* dst) const {
        const auto from = [&](const auto* values) { return values == nullptr ? values : values + channel; };
        const QuantPrologue& b = o.prologue;
        v.gather(
            {rows, pixels, inside, depth, from(b.low), from(b.high), from(b.scale), from(b.shift), dst, row_length});
    }
};

}  // namespace keel::kernels::qconv
