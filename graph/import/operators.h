// The operators of ONNX that are lowered, by subject; import.cpp gathers them.
#pragma once

#include <span>

#include "graph/import/node_scope.h"

namespace keel::graph {

std::span<const LowerEntry> shape_operators();       ///< that move no number, or only move them
std::span<const LowerEntry> arithmetic_operators();  ///< element by element
std::span<const LowerEntry> layer_operators();       ///< convolutions, products, pools
std::span<const LowerEntry> norm_operators();        ///< normalizations, reductions, rounding
std::span<const LowerEntry> slice_operators();       ///< parts, and joining them
std::span<const LowerEntry> image_operators();       ///< other sizes, borders

/// Returns the constants joined along an axis. Throws InputError for extents that do not fit.
Constant concatenated(std::span<const Constant> parts, std::size_t axis);

/// Sets a node's output to views joined along an axis.
void lower_concat(NodeScope& node, std::span<const View> parts, std::size_t axis);

}  // namespace keel::graph
