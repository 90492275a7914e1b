// The inside of implicit GEMM: what the threads of a call share, and the tile of grid points that one of them works on.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "kernels/activation/rows.h"
#include "kernels/igemm/gather_plan.h"
#include "kernels/igemm/igemm.h"
#include "kernels/igemm/split.h"
#include "kernels/igemm/variant_state.h"
#include "kernels/igemm/variants.h"
#include "kernels/parallel.h"
#include "kernels/replicas.h"

namespace keel::kernels::igemm {

inline constexpr int kMostRows = 32;
/// Floats between the rows of a tile's source, so that rows of a power of two do not all fall into the same sets of the
/// cache.
inline constexpr std::int64_t kRowPadding = 16;

/// Memory of the thread's for the sums of a chunk of grid points, where their map is of bf16 and the depth has several
/// blocks; null: it has one.
struct Sums {
    float* data = nullptr;
    std::int64_t ld = 0, first_point = 0, first_column = 0;

    float* at(std::int64_t point, std::int64_t column) const {
        return data + (point - first_point) * ld + (column - first_column);
    }
};

/// Where a chunk of grid points goes: a map, or memory of the thread's for those columns of those pixels.
struct Target {
    Map map;
    std::int64_t first_pixel = 0, first_column = 0;
    Sums sums{};

    float* at(std::int64_t pixel, std::int64_t column) const {
        return map.floats() + (pixel - first_pixel) * map.ld + (column - first_column);
    }
    /// Of a map of bf16.
    bool rounded() const { return map.type == DType::bf16; }
    std::uint16_t* half_at(std::int64_t pixel, std::int64_t column) const {
        return static_cast<std::uint16_t*>(map.data) + pixel * map.ld + column;
    }
};

/// What the threads of one call share.
struct GatherConvCall {
    const IgemmVariant& variant;
    const GatherConv& conv;
    std::int64_t word;  ///< channels of a word, in which depths and the source's distances are counted
    ConstMap src;
    const float* weights;
    const IgemmFusion& fusion;
    RowActivation activation;
    std::vector<DepthBlock> blocks;
    std::vector<bool> reads_first;  ///< by tap
    const float* zeros;             ///< a pixel outside the map
    std::int64_t rows;              ///< of a tile
    bool streamed;                  ///< few tiles pass by the weights
    bool flat;
    std::array<RowMap, 2> reads;  ///< of the epilogue

    /// Returns the floats from panel to panel of the weights.
    std::int64_t panel() const { return std::ssize(conv.taps) * conv.depth * variant.columns; }
};

/// A tile's pixels; those beyond the last grid point repeat its first one as source and have the spare row as
/// destination.
class PixelTile {
public:
    PixelTile(const GatherConvCall& call, float* buffer)
        : call_(call),
          weights_(near_copy(call.weights)),
          state_(call.variant),
          rows_(static_cast<int>(call.rows)),
          gathered_(buffer),
          spare_(buffer + rows_ * kRow) {
        std::int64_t taps = 0;
        for (const DepthBlock& block : call.blocks) taps = std::max(taps, block.taps);
        src_.resize(static_cast<std::size_t>(taps));
        next_pixels_.resize(static_cast<std::size_t>(taps));
    }

    /// Returns the floats of the buffer: source pixels, normalized or apart in the map, and the spare row.
    static std::int64_t floats(const IgemmVariant& v, const GatherConv& conv) { return v.rows * kRow + conv.columns; }

    /// Returns a panel's weights for a block of the depth.
    const float* block_weights(const DepthBlock& block, std::int64_t index) const {
        return weights_ + index * call_.panel() +
               (block.tap * call_.conv.depth + block.channel) * call_.variant.columns;
    }

    /// Finds the tile's points before `end`.
    void locate(std::int64_t tile, std::int64_t end) {
        const std::int64_t first = tile * rows_;
        first_ = first;
        valid_ = static_cast<int>(std::min<std::int64_t>(rows_, end - first));
        const int unit = call_.variant.row_unit;
        used_ = unit == 1 ? rows_ : std::min(rows_, (valid_ + unit - 1) / unit * unit);
        if (!call_.flat) return locate_points(tile);
        for (int r = 0; r < rows_; ++r) offsets_[r] = first + (r < valid_ ? r : 0);
    }

    void gather(const DepthBlock& block) {
        const GatherConv& w = call_.conv;
        const ConvAffine& f = call_.fusion.src_affine;
        const bool affine = f.scale != nullptr;
        IgemmGather t{used_,
                      pixels_,
                      block.depth,
                      affine ? f.scale + block.channel * call_.word : nullptr,
                      affine ? f.shift + block.channel * call_.word : nullptr,
                      f.relu,
                      gathered_,
                      kRow};
        for (std::int64_t tap = 0; tap < block.taps; ++tap, t.dst += block.depth) {
            const auto index = static_cast<std::size_t>(tap), of_conv = static_cast<std::size_t>(block.tap + tap);
            const bool even = find_pixels(w.taps[of_conv], block.channel);
            const float** next = call_.reads_first[of_conv] ? next_pixels_[index].data() : nullptr;
            for (int r = 0; next != nullptr && r < rows_; ++r) next[r] = pixels_[r] + rows_ * w.step_w * call_.src.ld;
            if (even && !affine && !same_sets(w.step_w * call_.src.ld)) {
                src_[index] = {pixels_[0], w.step_w * call_.src.ld, next};
                continue;
            }
            call_.variant.gather(t);
            src_[index] = {t.dst, kRow, next};
        }
    }

    void multiply(const DepthBlock& block, Range panels, const Target& target, const IgemmAhead& ahead_weights) {
        if (target.rounded()) return multiply_rounded(block, panels, target, ahead_weights);
        const bool first = &block == call_.blocks.data(), last = &block == &call_.blocks.back();
        const std::int64_t width = call_.variant.columns, column = panels.begin * width;
        const IgemmFusion& f = call_.fusion;
        // A residual that dst holds already is what the first visit adds to.
        const bool in_place = f.residual.data != nullptr && f.residual.data == target.map.data;
        const bool adds = last && f.residual.data != nullptr && !in_place;
        float* dst[kMostRows];
        const float* residual[kMostRows];
        for (int r = 0; r < rows_; ++r) {
            dst[r] = r < valid_ ? target.at(offsets_[r], column) : spare_;
            if (adds) residual[r] = f.residual.floats() + offsets_[r] * f.residual.ld + column;
        }
        const float* ahead[2][kMostRows];
        const bool ahead_is[2] = {look_ahead(0, column, dst, target, ahead[0]),
                                  look_ahead(1, column, dst, target, ahead[1])};
        IgemmTile tile = tile_of(block, panels, ahead_weights);
        tile.dst = dst;
        tile.residual = adds ? residual : nullptr;
        tile.ahead[0] = ahead_is[0] ? ahead[0] : nullptr;
        tile.ahead[1] = ahead_is[1] ? ahead[1] : nullptr;
        tile.accumulate = !first || in_place;
        call_.variant.tile(tile);
        if (!last || !call_.activation) return;
        for (int r = 0; r < valid_; ++r) call_.activation.apply(dst[r], panels.size() * width);
    }

private:
    /// What a visit reads and what becomes of its sums; not yet where they and a residual lie.
    IgemmTile tile_of(const DepthBlock& block, Range panels, const IgemmAhead& ahead_weights) {
        const bool first = &block == call_.blocks.data(), last = &block == &call_.blocks.back();
        const IgemmFusion& f = call_.fusion;
        return {used_,
                src_.data(),
                block.taps,
                block.depth,
                block_weights(block, panels.begin),
                call_.panel(),
                panels.size(),
                nullptr,
                first && f.bias != nullptr ? f.bias + panels.begin * call_.variant.columns : nullptr,
                nullptr,
                {},
                ahead_weights,
                false,
                last && f.relu,
                nullptr,
                state_.memory(),
                call_.word == 2};
    }

    /// The last visit writes bf16; the ones before leave their sums in the thread's memory.
    void multiply_rounded(const DepthBlock& block, Range panels, const Target& target,
                          const IgemmAhead& ahead_weights) {
        const bool first = &block == call_.blocks.data(), last = &block == &call_.blocks.back();
        const std::int64_t width = call_.variant.columns, column = panels.begin * width;
        const IgemmFusion& f = call_.fusion;
        const bool adds = last && f.residual.data != nullptr;
        const std::int64_t next = rows_ * call_.conv.dst_step_w;  // pixels on in dst
        float* sums[kMostRows];
        std::uint16_t* rounded[kMostRows];
        const float *residual[kMostRows], *ahead[2][kMostRows];
        for (int r = 0; r < rows_; ++r) {
            const bool is_there = r < valid_;
            sums[r] = is_there && target.sums.data != nullptr ? target.sums.at(first_ + r, column) : spare_;
            std::uint16_t* to = target.half_at(offsets_[r], column);
            rounded[r] = is_there ? to : reinterpret_cast<std::uint16_t*>(spare_);
            ahead[0][r] = reinterpret_cast<const float*>(to + next * target.map.ld);
            if (!adds) continue;
            const auto* from =
                static_cast<const std::uint16_t*>(f.residual.data) + offsets_[r] * f.residual.ld + column;
            residual[r] = reinterpret_cast<const float*>(from);
            ahead[1][r] = reinterpret_cast<const float*>(from + next * f.residual.ld);
        }
        IgemmTile tile = tile_of(block, panels, ahead_weights);
        tile.dst = sums;
        tile.residual = adds ? residual : nullptr;
        tile.ahead[0] = last ? ahead[0] : nullptr;
        tile.ahead[1] = adds && f.residual.data != target.map.data ? ahead[1] : nullptr;
        tile.accumulate = !first;
        tile.rounded = last ? rounded : nullptr;
        tile.halves_ahead = true;
        call_.variant.tile(tile);
    }

    static constexpr std::int64_t kRow = kBlockDepth + kRowPadding;

    struct Point {
        std::int64_t image, y, x;  ///< image counts rows of src
    };

    /// Whether so many of the pixels that far apart fall into the same sets of the first-level cache that it has no
    /// more ways than that, 8 or 12: they would drive each other out, and so would the weights that stream by.
    bool same_sets(std::int64_t distance) const {
        const std::int64_t bytes = rows_ > 16 ? 2048 : 4096;  // 4096 are a round of all sets
        return distance * static_cast<std::int64_t>(sizeof(float)) % bytes == 0;
    }

    /// Tiles come in order, so that a division is needed for the first only.
    void locate_points(std::int64_t tile) {
        const GatherConv& w = call_.conv;
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

    /// Finds what is wanted soon, first or second: what an epilogue will read beside this tile, else where the next one
    /// goes.
    bool look_ahead(int index, std::int64_t column, float* const* dst, const Target& target, const float** rows) const {
        const RowMap map = call_.reads[static_cast<std::size_t>(index)];
        const bool next = map.data == nullptr;
        if (next && (index == 1) == (call_.reads[0].data == nullptr)) return false;
        for (int r = 0; r < rows_; ++r)
            rows[r] = next ? dst[r] + rows_ * call_.conv.dst_step_w * target.map.ld
                           : reinterpret_cast<const float*>(static_cast<const std::byte*>(map.data) +
                                                            (offsets_[r] * map.ld + column) * map.bytes);
        return true;
    }

    /// Finds the tile's source pixels at a tap. Returns whether they are evenly spaced.
    bool find_pixels(Tap tap, std::int64_t channel) {
        const GatherConv& w = call_.conv;
        const float* src = call_.src.floats() + channel;
        if (call_.flat) {
            for (int r = 0; r < rows_; ++r) pixels_[r] = src + offsets_[r] * call_.src.ld;
            return valid_ == rows_;
        }
        int inside = 0;
        for (int r = 0; r < rows_; ++r) {
            const std::int64_t y = points_[r].y + tap.dy, x = points_[r].x + tap.dx;
            if (y >= 0 && y < w.src_h && x >= 0 && x < w.src_w) {
                pixels_[r] = src + ((points_[r].image + y) * w.src_w + x) * call_.src.ld;
                ++inside;
            } else
                pixels_[r] = call_.zeros;
        }
        return one_row_ && inside == rows_;
    }

    const GatherConvCall& call_;
    const float* weights_;  ///< the copy that is near
    IgemmState state_;
    int rows_, valid_ = 0, used_ = 0;                 ///< used: with what fills the last unit of rows
    std::int64_t first_ = 0;                          ///< grid point
    bool one_row_ = false;                            ///< of the grid
    std::int64_t next_ = -1, n_ = 0, y_ = 0, x_ = 0;  ///< the tile after the last one located, and its first grid point
    float *gathered_, *spare_;
    Point points_[kMostRows];
    std::int64_t offsets_[kMostRows];                               ///< pixels in dst
    const float* pixels_[kMostRows];                                ///< found last
    std::vector<IgemmSource> src_;                                  ///< of each tap
    std::vector<std::array<const float*, kMostRows>> next_pixels_;  ///< of each tap, of the next tile
};

}  // namespace keel::kernels::igemm
