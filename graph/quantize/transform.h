// From a graph of floats and its calibration to a graph of codes. docs/quantization.md has the formulas.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "graph/quantize/calibration.h"

namespace keel {

/// How a node of floats is computed in the graph of codes.
enum class Arithmetic : std::uint8_t {
    int8,         ///< codes, as they are or clamped
    requantised,  ///< codes that a batch norm turns into others as they are read
    fp32
};

/// What correction and report must know of a node of the graph of codes.
struct CodedNode {
    int made = -1;            ///< the node of floats whose result this node completes, or -1
    std::vector<Coding> dst;  ///< the coding of each channel of that result; empty: floats
    Arithmetic arithmetic = Arithmetic::int8;
    std::vector<double> offset;  ///< of a QuantConv: what stands for 0 among the codes it reads, channel by channel
};

struct CodedGraph {
    graph::Graph graph;
    std::vector<CodedNode> nodes;  ///< of each of its nodes
};

/// What stays as it is.
struct Kept {
    std::set<std::string> names;  ///< nodes in fp32
    std::set<int> buffers;        ///< buffers of floats; the nodes that read or write them are in fp32 as well
};

/// `floats` holds its weights.
CodedGraph to_codes(const graph::Graph& floats, const Calibration& calibration, RangeMethod method, const Kept& kept);

}  // namespace keel
