// Softmax over channels.
#pragma once

#include <string_view>

#include "graph/graph.h"

namespace keel::graph {

class NodeCheck;

/// exp(src) / sum of exp(src) over the channels of each pixel, or the logarithm of it. The same bits on every ISA.
struct Softmax {
    static constexpr std::string_view kName = "softmax";
    static constexpr bool kInPlace = true;
    bool log = false;

    void fields(Archive& archive);
    void check(const NodeCheck& node) const;
    void run(const Node& node, const RunMemory& memory) const;
};

}  // namespace keel::graph
