// A convolution as grid points that gather from src: pure functions of its geometry.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/conv/conv.h"
#include "kernels/parallel.h"

namespace keel::kernels::igemm {

/// Channels that a tile reads from its pixels before it turns to the next panel: they stay in the first-level cache.
inline constexpr std::int64_t kBlockDepth = 576;

/// The source pixel of grid point (y, x) is (y * step_h + dy, x * step_w + dx).
struct Tap {
    std::int64_t dy, dx;
};

/// A convolution as grid points, its depth in words: each gathers from src through the taps and is written to pixel (y
/// * dst_step_h + dst_y, ...) of dst. Weights are panels [columns / variant.columns][taps][depth][variant.columns].
struct GatherConv {
    std::int64_t n, grid_h, grid_w;
    std::int64_t src_h, src_w, depth, step_h, step_w;
    std::int64_t dst_h, dst_w, columns, dst_step_h, dst_step_w, dst_y, dst_x;
    std::vector<Tap> taps;

    std::int64_t points() const { return n * grid_h * grid_w; }
    /// Whether grid point i reads pixel i of src and is written to pixel i of dst.
    bool flat() const {
        return taps.size() == 1 && taps[0].dy == 0 && taps[0].dx == 0 && step_h == 1 && step_w == 1 &&
               grid_h == src_h && grid_w == src_w && dst_h == src_h && dst_w == src_w && dst_step_h == 1 &&
               dst_step_w == 1;
    }
};

/// Whether no other tap of the convolution has read a tap's pixels for an earlier grid point.
inline bool reads_first(const GatherConv& conv, Tap tap) {
    return std::none_of(conv.taps.begin(), conv.taps.end(), [&](Tap other) {
        const std::int64_t y = other.dy - tap.dy, x = other.dx - tap.dx;
        return y % conv.step_h == 0 && x % conv.step_w == 0 && (y > 0 || (y == 0 && x > 0));
    });
}

/// A piece of the product's depth: some taps whole, or some channels of one tap; its weights are dense in a panel.
struct DepthBlock {
    std::int64_t tap, taps, channel, depth;
};

/// What a variant reads of the depth: words of a block at most, and of one instruction, of which blocks are made where
/// they can be.
struct DepthUnits {
    std::int64_t most = kBlockDepth, step = 2;
};

inline std::vector<DepthBlock> depth_blocks(std::int64_t taps, std::int64_t depth, const DepthUnits& units = {}) {
    if (taps == 0) return {{0, 0, 0, 0}};  // pixels that nobody reads: a visit that only writes zeros
    std::vector<DepthBlock> blocks;
    const std::int64_t pieces = chunk_count(depth, units.most),
                       channels = chunk_count(depth, units.step * pieces) * units.step;
    const std::int64_t visits = chunk_count(taps, units.most / channels), together = chunk_count(taps, visits);
    for (std::int64_t tap = 0; tap < taps; tap += together)
        for (std::int64_t channel = 0; channel < depth; channel += channels)
            blocks.push_back({tap, std::min(together, taps - tap), channel, std::min(channels, depth - channel)});
    return blocks;
}

/// Returns the forward pass.
GatherConv forward_gather(const Conv2dGeometry& g);

/// One of the convolutions that backward data is: of the pixels of diff_src that the same taps of the kernel reach.
struct BackwardGather {
    GatherConv conv;
    std::vector<std::int64_t> kernel_taps;  ///< those of the kernel that its taps are
};

/// Returns them, without those of no pixels: one for stride 1.
std::vector<BackwardGather> backward_gathers(const Conv2dGeometry& g);

}  // namespace keel::kernels::igemm
