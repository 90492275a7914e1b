// Products of two maps as matrices.
#pragma once

#include <optional>
#include <string_view>

#include "graph/graph.h"

namespace keel::graph {

class NodeCheck;

/// dst[b] = src[b] operand[b] for each image and b < batches: src is a map of batches * m pixels and k channels, the
/// operand of batches * k pixels and n channels, dst of batches * m pixels and n channels. Products with weights are
/// convolutions.
struct MatMul {
    static constexpr std::string_view kName = "matmul";
    static constexpr bool kMultipliesFloats = true;
    std::optional<Value> operand;
    int batches = 1, m = 1, k = 1, n = 1;

    void fields(Archive& archive);
    void check(const NodeCheck& node) const;
    void run(const Node& node, const RunMemory& memory) const;
};

}  // namespace keel::graph
