// Images of another size.
#pragma once

#include <string_view>

#include "graph/graph.h"
#include "kernels/resize/resize.h"

namespace keel::graph {

class NodeCheck;

/// src resampled to the extents of dst, as ONNX's Resize does it without antialiasing (kernels/resize/resize.h has the
/// formulas). The scales are those given, of which dst's extents may be a rounding; where sizes were given, dst / src.
struct Resize {
    static constexpr std::string_view kName = "resize";
    kernels::ResizeKind kind = kernels::ResizeKind::nearest;
    kernels::ResizeCoordinates coordinates = kernels::ResizeCoordinates::half_pixel;
    kernels::NearestRounding rounding = kernels::NearestRounding::round_prefer_floor;  ///< of nearest
    float scale_h = 1, scale_w = 1;                                                    ///< above 0

    void fields(Archive& archive);
    void check(const NodeCheck& node) const;
    void run(const Node& node, const RunMemory& memory) const;
};

}  // namespace keel::graph
