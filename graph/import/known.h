// What is alike in maps and constants: axes, through the memory of either.
#pragma once

#include "graph/import/node_scope.h"

namespace keel::graph {

inline bool batched(const Known& known) { return std::holds_alternative<View>(known); }

/// Returns the axes of a map, or those of a constant's own memory.
std::vector<Axis> axes_of(const Known& known);

/// Returns the extents of a constant, or those of a map of one image.
std::vector<std::int64_t> dims_of(const Known& known);

/// Returns the tensor that these axes lead through from `offset` on, over the memory of `known`: a view, or a copy of a
/// constant.
Known along(const Known& known, std::vector<Axis> axes, const Factor& offset = {1, 0, 0});

}  // namespace keel::graph
