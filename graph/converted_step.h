// Operators of f32 among maps of bf16.
#pragma once

#include <cstdint>
#include <memory>

#include "graph/graph.h"

namespace keel::graph {

/// Returns what runs a node that takes f32 alone: its maps of bf16 are converted before and after it, some images at a
/// time, so that the converted ones stay in the caches. Takes the operator's weights.
std::unique_ptr<Step> converted(const Graph& graph, Node& node, std::int64_t batch);

}  // namespace keel::graph
