// From a graph of floats and its calibration to a quantized graph. docs/quantization.md has the formulas.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "graph/quantize/calibration.h"

namespace keel {

/// How a node of floats is computed in the quantized graph.
enum class Arithmetic : std::uint8_t {
    int8,         ///< quantized values, as they are or clamped
    requantized,  ///< quantized values that a batch norm turns into others as they are read
    fp32
};

/// What correction and report must know of a node of the quantized graph.
struct QuantizedNode {
    int completes = -1;              ///< the node of floats whose result this node completes, or -1
    std::vector<QuantParams> dst{};  ///< of each channel of that result; empty: floats
    Arithmetic arithmetic = Arithmetic::int8;
    std::vector<double> offset{};  ///< of a QuantConv: what stands for 0 among the values it reads, channel by channel
};

struct QuantizedGraph {
    graph::Graph graph;
    std::vector<QuantizedNode> nodes;  ///< of each of its nodes
};

/// What stays as it is.
struct KeptFloats {
    std::set<std::string> names;  ///< nodes in fp32
    std::set<int> buffers;        ///< buffers of floats; the nodes that read or write them are in fp32 as well
};

/// Returns the quantized graph. `floats` holds its weights. Operators without a quantized form stay in fp32.
QuantizedGraph quantize_graph(const graph::Graph& floats, const Calibration& calibration, RangeMethod method,
                              const KeptFloats& kept);

}  // namespace keel
