// Windows of convolutions and pools as nodes give them.
#pragma once

#include <array>
#include <cstdint>

namespace keel::graph {

class NodeScope;

/// A window along one axis.
struct Stretch {
    int size = 1, stride = 1, dilation = 1;
    int before = 0, after = 0;  ///< padding
    bool operator==(const Stretch&) const = default;

    /// Returns how many windows an axis of `extent` has. With `ceil` one more counts that does not fit whole, if it
    /// begins inside the image or the padding before it, as ONNX and PyTorch define it.
    std::int64_t windows(std::int64_t extent, bool ceil) const;
};

struct Window {
    Stretch rows, columns;
};

/// Reads strides, pads, dilations and auto_pad of a node on an image of h x w. `row`: the node's lists are of the
/// columns alone. Throws InputError for lists of other lengths or numbers out of range.
Window window_of(NodeScope& node, const std::array<std::int64_t, 2>& kernel, bool row, std::int64_t h, std::int64_t w);

}  // namespace keel::graph
