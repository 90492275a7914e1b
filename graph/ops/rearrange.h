// A copy whose elements lie in another order: what views cannot be.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "kernels/rearrange/rearrange.h"

namespace keel::graph {

class NodeCheck;

using kernels::RearrangeAxis;

/// dst = src read by strides: reshapes, transposes, slices with steps, expansions, flips and channel shuffles. A
/// concatenation is some of them that write to slices of one buffer.
///
/// With pixel (y, x) counted as y * w + x, element (p, k) of an image of dst is src at
///   pixel   first_pixel   + sum over all axes of index * pixel_stride,
///   channel first_channel + sum over all axes of index * channel_stride,
/// where the indices of the pixel axes are p in mixed radix, the outermost first, and those of the channel axes k. So
/// the sizes of the pixel axes multiply to dst.h * dst.w, those of the channel axes to dst.c; no axes are one element.
struct Rearrange {
    static constexpr std::string_view kName = "rearrange";
    std::vector<RearrangeAxis> pixel_axes, channel_axes;  ///< kMostAxes at most of each
    std::int64_t first_pixel = 0, first_channel = 0;

    static constexpr std::int64_t kMostAxes = 16;

    void fields(Archive& archive);
    /// Refuses axes that reach outside src.
    void check(const NodeCheck& node) const;
    void run(const Node& node, const RunMemory& memory) const;
    bool takes_bf16(const Graph& graph, const Node& node) const;
};

}  // namespace keel::graph
