// A function of each number of a map.
#pragma once

#include <string_view>

#include "graph/graph.h"
#include "kernels/activation/activation.h"

namespace keel::graph {

class NodeCheck;

/// activation(src) (kernels/activation/activation.h); may run in place.
struct Activate {
    static constexpr std::string_view kName = "activation";
    static constexpr bool kInPlace = true;
    kernels::Activation activation;

    void fields(Archive& archive);
    void check(const NodeCheck& node) const;
    void run(const Node& node, const RunMemory& memory) const;
};

/// "activation", the kind's name, and "alpha" and "beta", its numbers.
void fields(Archive& archive, kernels::Activation& activation);
/// Requires numbers that are finite, and of a clip in order.
void check_activation(const NodeCheck& node, const kernels::Activation& activation);

}  // namespace keel::graph
