// Which maps of a graph hold bf16 where it runs in that precision: those between its first and its last product. They
// take half the memory, and convolutions that have kernels for it multiply bf16, with sums of f32 (kernels/igemm).
#pragma once

#include <string>

#include "graph/graph.h"

namespace keel::graph {

/// Makes maps of floats bf16: those of each product that has kernels for bf16 and is neither the first nor the last one
/// on a path, and all others after a product and before such a one, whatever makes and reads them. What the graph reads
/// and what it gives stay f32, as does all before the first product and what the last ones alone read. Returns why
/// nothing was changed, for people: a quantized graph keeps its floats, and one without such a product gains nothing.
/// Empty: it was.
std::string use_bf16_maps(Graph& graph);

/// Whether a node reads or writes a map of bf16.
bool touches_bf16(const Graph& graph, const Node& node);
/// Whether all that it reads and writes are.
bool all_bf16(const Graph& graph, const Node& node);

}  // namespace keel::graph
