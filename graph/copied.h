// Weights of a graph that is run, where the team sits on several memory nodes.
#pragma once

#include "engine/tensor.h"

namespace keel::graph {

/// Returns a tensor of the same values of which each memory node of the team has a copy (kernels/replicas.h), so that
/// kernels may be given its address; the constant itself where the team sits on one node, or there is no room.
Tensor copied_to_nodes(Tensor constant);

}  // namespace keel::graph
