// The ReLU with slopes that were learned.
#pragma once

#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace keel::graph {

class NodeCheck;

/// src where it is not below 0 (a NaN stays NaN), else slope * src (He et al., arXiv:1502.01852).
struct PRelu {
    static constexpr std::string_view kName = "prelu";
    static constexpr bool kInPlace = true;
    std::vector<float> slope;  ///< one, or one of each channel; finite

    void fields(Archive& archive);
    void check(const NodeCheck& node) const;
    void run(const Node& node, const RunMemory& memory) const;
};

}  // namespace keel::graph
