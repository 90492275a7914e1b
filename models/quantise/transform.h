// From a graph of floats and its calibration to a graph of codes. docs/quantization.md has the formulas.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "models/quantise/calibration.h"

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

/// `kept`: names of nodes to leave in fp32. `floats` holds its weights.
CodedGraph to_codes(const graph::Graph& floats, const Calibration& calibration, RangeMethod method,
                    const std::set<std::string>& kept);

}  // namespace keel
