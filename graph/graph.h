// What a model computes in evaluation mode, as plain data: buffers, and the operators between them in the order of
// their running. A Builder (graph/build/builder.h) makes it of tensors, trace() (graph/build/trace.h) of a module;
// quantize() (graph/quantize/quantize.h) makes a quantized graph of one of floats.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "graph/op.h"
#include "graph/prologue.h"
#include "graph/value.h"

namespace keel::graph {

struct Node {
    std::string name;  ///< for people; that of the module, dotted, where there is one
    Value src, dst;
    Op op;

    /// The operator if it is a T, else null.
    template <class T>
    T* as() {
        return op.as<T>();
    }
    template <class T>
    const T* as() const {
        return op.as<T>();
    }
};

/// Calls f(value, role) for each value that a node reads: its src, whose role is "", and what its operator reads beside
/// it, whose role is the name of the field, "residual" or "operand".
template <class N, class F>
requires std::same_as<std::remove_const_t<N>, Node>
void for_each_read(N& node, F&& f) {
    f(node.src, std::string_view{});
    if (auto* residual = node.op.residual()) f(*residual, std::string_view("residual"));
    if (auto* operand = node.op.operand()) f(*operand, std::string_view("operand"));
}

struct Graph {
    std::vector<Buffer> buffers;
    std::vector<Node> nodes;
    Value src, dst;  ///< the whole of their buffers

    const Buffer& map(const Value& value) const { return buffers[static_cast<std::size_t>(value.buffer)]; }
};

/// Returns whether a convolution sums products of floats, in an order that is each ISA's own. All else gives the same
/// bits on every ISA, so that a graph without one does.
bool multiplies_floats(const Graph& graph);

/// Throws UsageError, which names the node, unless every slice lies in its buffer, everything read has been written
/// before (or is the graph's src), no operator overwrites what it reads, but for the residual and, where the operator
/// runs in place, the src, and every operator's own check() passes, which wants weights and factors that are finite.
void check(const Graph& graph);
/// Likewise, whatever numbers the weights and factors are: of a module that nobody has initialized yet, too.
void check_structure(const Graph& graph);

}  // namespace keel::graph
