// Borders around a map.
#pragma once

#include <string_view>

#include "graph/graph.h"
#include "kernels/pad/pad.h"

namespace keel::graph {

class NodeCheck;

/// dst with src in it from row `top`, column `left` and channel `front` on; what is left of dst's extents is the
/// border: a constant, src reflected at its outermost elements (which are not repeated; a border is narrower than src),
/// or the nearest element of src.
struct Pad {
    static constexpr std::string_view kName = "pad";
    using Mode = kernels::PadMode;
    Mode mode = Mode::constant;
    int top = 0, left = 0, front = 0;
    float value = 0;  ///< of a constant border

    void fields(Archive& archive);
    void check(const NodeCheck& node) const;
    void run(const Node& node, const RunMemory& memory) const;
};

}  // namespace keel::graph
