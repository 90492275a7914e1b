// The tiles of a convolution of quantized values: where their pixels are read, and the multiplying.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/qconv/call.h"

namespace keel::kernels::qconv {

/// Lines of a map of narrow pixels as windows of one group of channels see them: read through `prologue`, with those
/// outside the map at both ends, so that a row of any window is one piece of memory. As many are kept as a window has.
class Lines {
public:
    Lines(const QconvCall& call, std::int64_t group, std::byte* memory)
        : call_(call),
          channel_(group * call.plan.ic()),
          memory_(memory),
          held_(static_cast<std::size_t>(call.lines), -1) {
        if (!call.plan.merged) return;
        for (std::int64_t at = 0; at <= call.lines; ++at) fill_outside(slot(at), at == call.lines);
    }

    /// Returns line `index` of all images; -1: one outside the map.
    const std::byte* line(std::int64_t index) {
        if (index < 0) return slot(call_.lines);
        const std::int64_t at = index % call_.lines;  // differs among the lines of a window
        if (held_[static_cast<std::size_t>(at)] != index) {
            held_[static_cast<std::size_t>(at)] = index;
            fill(call_.o.src.data + index * call_.plan.g.iw * call_.o.src.ld + channel_, slot(at));
        }
        return slot(at);
    }

private:
    std::byte* slot(std::int64_t at) const { return memory_ + static_cast<std::size_t>(at) * call_.line_bytes(); }

    std::int64_t wide() const { return (call_.plan.g.ow() - 1) * call_.plan.g.stride_w + call_.plan.g.kw; }
    /// Returns the pixels of a line that are inside the map, counted from its first one outside.
    Range inside() const {
        const std::int64_t begin = std::min<std::int64_t>(call_.plan.g.pad_w, wide());
        return {begin, std::min(begin + call_.plan.g.iw, wide())};
    }

    /// Copies `count` quantized values to pixel x of the line.
    void copy(const std::uint8_t* from, bool inside, std::int64_t count, std::int64_t x, std::byte* line) const {
        call_.gather(1, &from, &inside, channel_, count, line + x * call_.plan.ic() * call_.v.bytes);
    }

    void fill_outside(std::byte* line, bool all) const {
        const Range within = inside();
        for (std::int64_t x = 0; x < wide(); ++x)
            if (all || x < within.begin || x >= within.end) copy(call_.pad + channel_, false, call_.plan.ic(), x, line);
    }

    void fill(const std::uint8_t* pixels, std::byte* line) const {
        const std::int64_t ic = call_.plan.ic(), ld = call_.o.src.ld;
        const Range within = inside();
        if (call_.plain && ld == ic) return copy(pixels, true, within.size() * ic, within.begin, line);
        for (std::int64_t x = within.begin; x < within.end; ++x, pixels += ld) copy(pixels, true, ic, x, line);
    }

    const QconvCall& call_;
    std::int64_t channel_;
    std::byte* memory_;
    std::vector<std::int64_t> held_;  ///< the index of the line in each slot
};

/// A tile's pixels; those of one group of channels.
class PixelTile {
public:
    PixelTile(const QconvCall& call, std::int64_t group, std::byte* memory, void* state)
        : call_(call),
          g_(call.plan.g),
          state_(state),
          channel_(group * call.plan.ic()),
          gathered_(memory),
          lines_(call, group, memory),
          src_(static_cast<std::size_t>(call.plan.segments)),
          row_lines_(call.plan.merged ? src_.size() : 0),
          ow_(call.plan.g.ow()),
          oh_(call.plan.g.oh()) {}

    /// Finds where `points` are read.
    void locate(Range points) {
        first_ = points.begin;
        rows_ = static_cast<int>(points.size());
        segments_ = {0, call_.plan.segments};
        if (call_.flat) return find_flat();
        windows();
        const Range lines = lines_inside();
        const std::int64_t of_line = call_.plan.merged ? 1 : g_.kw;
        segments_ = {lines.begin * of_line, lines.end * of_line};
        call_.plan.merged ? find_lines(lines) : find_taps(lines);
    }

    /// Multiplies with the panels, of which each fetches share `index` of `count` shares of the weights of the panel
    /// `distance` further on.
    void multiply(Range panels, std::int64_t distance, std::int64_t last, std::int64_t index,
                  std::int64_t count) const {
        QconvTile t{};
        t.rows = rows_;
        t.src = src_.data() + segments_.begin;
        t.segments = segments_.size();
        t.depth = call_.plan.depth;
        t.state = state_;
        for (std::int64_t i = panels.begin; i < panels.end; ++i) {
            const Panel& panel = call_.panels[static_cast<std::size_t>(i)];
            call_.place(panel, first_, t);
            t.weights =
                panel.weights + segments_.begin * call_.plan.stored * panel.vectors * call_.v.width * call_.v.bytes;
            t.ahead = panel.weights;
            t.ahead_step = 0;
            if (i + distance < last) {
                const Panel& next = call_.panels[static_cast<std::size_t>(i + distance)];
                const std::int64_t share = chunk_count(call_.plan.weight_bytes(next.vectors * call_.v.width), count);
                t.ahead = next.weights + index * share;
                t.ahead_step = chunk_count(share, call_.plan.products() / call_.v.group);
            }
            call_.v.tile(t);
        }
    }

private:
    const std::uint8_t* pixel(std::int64_t index) const { return call_.o.src.data + index * call_.o.src.ld + channel_; }
    const std::uint8_t* pad() const { return call_.pad + channel_; }

    static bool same_sets(std::int64_t distance) { return distance % kSameSets == 0; }

    /// Where a window begins: the first line of its image, counted through all; there.
    struct Window {
        std::int64_t image, y, x;
    };

    /// Finds those of the tile's points; of a tile in one row the first, for window() knows the others. Tiles come in
    /// order, so that divisions are needed for the first only.
    void windows() {
        if (first_ != next_point_) {
            next_x_ = first_ % ow_;
            next_y_ = first_ / ow_ % oh_;
            next_n_ = first_ / ow_ / oh_;
        }
        next_point_ = first_ + rows_;
        one_row_ = next_x_ + rows_ <= ow_;
        row_ = next_n_ * oh_ + next_y_;
        const int step = one_row_ ? rows_ : 1;
        for (int r = 0; r < rows_; r += step) {
            windows_[r] = {next_n_ * g_.ih, next_y_ * g_.stride_h - g_.pad_h, next_x_ * g_.stride_w - g_.pad_w};
            next_x_ += step;
            if (next_x_ < ow_) continue;
            next_x_ = 0;
            if (++next_y_ < oh_) continue;
            next_y_ = 0;
            ++next_n_;
        }
    }

    Window window(int r) const {
        return one_row_ ? Window{windows_[0].image, windows_[0].y, windows_[0].x + r * g_.stride_w} : windows_[r];
    }

    void gather(std::int64_t segment) {
        const std::int64_t at = segment * call_.plan.depth;
        std::byte* dst = gathered_ + at * call_.v.bytes;
        call_.gather(rows_, pixels_, inside_, channel_, call_.plan.ic(), dst);
        src_[static_cast<std::size_t>(segment)] = {dst, call_.row_length};
    }

    void find_flat() {
        if (call_.in_place && !same_sets(call_.o.src.ld)) {
            src_[0] = {pixel(first_), call_.o.src.ld};
            return;
        }
        for (int r = 0; r < rows_; ++r) {
            pixels_[r] = pixel(first_ + r);
            inside_[r] = true;
        }
        gather(0);
    }

    /// Returns the lines of the windows without those that are outside the map for all points, at either end: 0 adds
    /// nothing.
    Range lines_inside() const {
        Range lines{0, g_.kh};
        if (call_.o.pad != nullptr) return lines;
        const auto outside = [&](std::int64_t ky) {
            for (int r = 0; r < (one_row_ ? 1 : rows_); ++r)
                if (line_of(windows_[r], ky) >= 0) return false;
            return true;
        };
        while (lines.size() > 1 && outside(lines.begin)) ++lines.begin;
        while (lines.size() > 1 && outside(lines.end - 1)) --lines.end;
        return lines;
    }

    void find_taps(Range lines) {
        const std::int64_t step = g_.stride_w * call_.o.src.ld, width = (rows_ - 1) * g_.stride_w;
        const bool may_stay = one_row_ && call_.in_place && !same_sets(step);
        std::int64_t segment = segments_.begin;
        for (std::int64_t ky = lines.begin; ky < lines.end; ++ky) {
            const std::int64_t line = line_of(windows_[0], ky);
            std::int64_t x = windows_[0].x;
            for (std::int64_t kx = 0; kx < g_.kw; ++kx, ++segment, x += g_.dilation_w)
                if (may_stay && line >= 0 && x >= 0 && x + width < g_.iw)
                    src_[static_cast<std::size_t>(segment)] = {pixel(line * g_.iw + x), step};
                else
                    gather_tap(segment, ky, kx * g_.dilation_w);
        }
    }

    void gather_tap(std::int64_t segment, std::int64_t ky, std::int64_t dx) {
        for (int r = 0; r < rows_; ++r) {
            const Window w = window(r);
            const std::int64_t line = line_of(w, ky), x = w.x + dx;
            inside_[r] = line >= 0 && x >= 0 && x < g_.iw;
            pixels_[r] = inside_[r] ? pixel(line * g_.iw + x) : pad();
        }
        gather(segment);
    }

    /// Returns the line, of all images, that a window has at ky; -1 outside the map.
    std::int64_t line_of(const Window& w, std::int64_t ky) const {
        const std::int64_t y = w.y + ky * g_.dilation_h;
        return y >= 0 && y < g_.ih ? w.image + y : -1;
    }

    /// Finds the lines of a tile whose points are of one row of the result.
    void find_lines(Range lines) {
        const bool next_row = row_ != lines_of_;
        lines_of_ = row_;
        const std::int64_t ic = call_.plan.ic(), x = (windows_[0].x + g_.pad_w) * ic * call_.v.bytes;
        for (std::int64_t ky = lines.begin; ky < lines.end; ++ky) {
            const auto at = static_cast<std::size_t>(ky);
            if (next_row) row_lines_[at] = lines_.line(line_of(windows_[0], ky));
            src_[at] = {row_lines_[at] + x, g_.stride_w * ic};
        }
    }

    const QconvCall& call_;
    const Conv2dGeometry& g_;
    void* state_;  ///< the variant's
    std::int64_t channel_;
    std::byte* gathered_;
    Lines lines_;
    std::vector<QconvSource> src_;             ///< of each segment
    std::vector<const std::byte*> row_lines_;  ///< where the plan is merged: of the windows of a row of dst,
    std::int64_t lines_of_ = -1;               ///< this one

    std::int64_t first_ = 0;  ///< the tile's first point
    int rows_ = 0;
    Range segments_{0, 0};  ///< those that are not 0 for all points
    bool one_row_ = false;  ///< of dst,
    std::int64_t row_ = 0;  ///< counted through all images, which the first point is of
    std::int64_t ow_, oh_, next_point_ = -1, next_x_ = 0, next_y_ = 0, next_n_ = 0;
    Window windows_[kQconvMostRows];
    const std::uint8_t* pixels_[kQconvMostRows];
    bool inside_[kQconvMostRows];
};

}  // namespace keel::kernels::qconv
