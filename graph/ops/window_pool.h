// Pools of floats with any window: what Pool's square windows with one padding cannot say.
#pragma once

#include <cstdint>
#include <string_view>

#include "graph/graph.h"

namespace keel::graph {

class NodeCheck;

/// The maximum or the mean over a window of each channel. Window o of an axis holds the positions
/// o * stride - before + i * dilation, i < kernel; dst has as many windows as its extents say, one more than fit whole
/// if they were rounded up ("ceil_mode"). Padding never is a maximum, and a NaN in a window wins. The mean's divisor is
/// the number of positions inside the image, or with `count_padding` of those inside the image and its padding (as
/// ONNX and PyTorch define it: what a window rounded up has beyond both is not counted). Every window holds a pixel.
struct WindowPool {
    enum class Kind : std::uint8_t { max, average };

    static constexpr std::string_view kName = "window_pool";
    Kind kind = Kind::max;
    int kh = 1, kw = 1, stride_h = 1, stride_w = 1;
    int top = 0, left = 0, bottom = 0, right = 0;  ///< the padding
    int dilation_h = 1, dilation_w = 1;
    bool count_padding = false;

    void fields(Archive& archive);
    void check(const NodeCheck& node) const;
    void run(const Node& node, const RunMemory& memory) const;
};

}  // namespace keel::graph
