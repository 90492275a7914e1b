// Which buffers the nodes of a graph use.
#pragma once

#include "graph/graph.h"

namespace keel::graph {

/// Where an operator is the last to read what its result may overwrite, the result takes the buffer of that: it is made
/// in place, and one map less is alive.
void reuse_buffers(Graph& graph);

/// Takes out the buffers that no node reads or writes.
void drop_unused_buffers(Graph& graph);

}  // namespace keel::graph
