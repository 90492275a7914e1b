// An affine of each channel, for a batch norm that stands alone.
#pragma once

#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace keel::graph {

/// src * scale + shift, channel by channel, then max(0, .) if relu.
struct Affine {
    static constexpr std::string_view kName = "affine";
    std::vector<float> scale, shift;
    bool relu = false;

    void fields(Archive& archive);
    void check(const NodeCheck& node) const;
    void run(const Node& node, const RunMemory& memory) const;
    bool takes_bf16(const Graph& graph, const Node& node) const;
};

}  // namespace keel::graph
