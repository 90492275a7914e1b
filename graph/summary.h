// What a graph's operators are and hold, for people.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace keel::graph {

struct NodeSummary {
    std::string name, kind;       ///< of the node, of its operator: "conv"
    Buffer dst;                   ///< what it writes, of one image
    std::int64_t parameters = 0;  ///< numbers that the operator holds
    std::int64_t macs = 0;        ///< of its weights, one image
};

/// Returns a line for each node, in the order of their running.
std::vector<NodeSummary> summarize(const Graph& graph);

}  // namespace keel::graph
