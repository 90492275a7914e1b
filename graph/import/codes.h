// Graphs that round, as QuantizeLinear and DequantizeLinear have it, become graphs of quantized values where the
// engine's integers can compute them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace keel::graph {

/// What the weights of a layer are whole multiples of: one number, or one of each output channel; by the layer's name.
using WeightSteps = std::map<std::string, std::vector<float>>;

struct CodedGraph {
    Graph graph;
    int roundings = 0;     ///< of maps, in the graph of floats
    int convolutions = 0;  ///< all, linear layers among them
    int in_codes = 0;      ///< those of quantized values
};

/// Returns what a graph of floats computes with each map that FakeQuantize makes kept as quantized values: convolutions
/// whose weights are whole multiples, -128 to 127, of their steps and that read such a map of one scale run on
/// integers, as do sums of two such maps and pools; everything else in floats, between conversions. The arithmetic is
/// that of docs/quantization.md: what floats would round up and down differs where they lie within some 2^-20 of the
/// middle of two quantized values.
CodedGraph coded(const Graph& rounded, const WeightSteps& steps);

}  // namespace keel::graph
