// A sum of two maps that no convolution makes.
#pragma once

#include <optional>
#include <string_view>

#include "graph/graph.h"

namespace keel::graph {

/// src + residual, then max(0, .) if relu.
struct Add {
    static constexpr std::string_view kName = "add";
    std::optional<Value> residual;  ///< of dst's extents; may be dst itself
    bool relu = false;

    void fields(Archive& archive);
    void check(const NodeCheck& node) const;
    void run(const Node& node, const RunMemory& memory) const;
    bool takes_bf16(const Graph& graph, const Node& node) const;
};

}  // namespace keel::graph
