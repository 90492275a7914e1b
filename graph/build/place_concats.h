// Joined maps whose parts are made where they are to lie.
#pragma once

#include "graph/graph.h"

namespace keel::graph {

/// A concatenation is copies into slices of one buffer. Where a part fills a buffer of its own, what makes it writes to
/// the slice from now on; where all parts lie side by side already, as those of a dense block do, the joined map is a
/// slice of theirs. The other copies stay.
void place_concats(Graph& graph);

}  // namespace keel::graph
