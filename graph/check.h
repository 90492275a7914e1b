// What the check() of an operator is given, and the words it refuses with.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace keel::graph {

/// A node whose slices lie in their buffers and whose operands have been written.
class NodeCheck {
public:
    /// `numbers`: whether weights and factors are to be finite.
    NodeCheck(const Graph& graph, const Node& node, bool numbers) : graph_(graph), node_(node), numbers_(numbers) {}

    const Graph& graph() const { return graph_; }
    const Node& node() const { return node_; }
    const Buffer& src() const { return graph_.map(node_.src); }
    const Buffer& dst() const { return graph_.map(node_.dst); }

    /// Throws UsageError "[graph] NODE: wanted WHAT" unless the condition holds.
    void require(bool condition, const char* wanted) const;
    void require_src(bool quantized) const;
    void require_dst(bool quantized) const;
    void require_floats() const {
        require_src(false);
        require_dst(false);
    }
    void require_same_extents() const { require(same_extents(node_.src, node_.dst), "a dst of src's extents"); }
    /// A residual, if there is one, of dst's extents and kind.
    void require_residual() const;
    /// Throws unless the values are finite, where that is asked for.
    template <class Values>
    void require_finite(const Values& values, const char* wanted) const;
    /// Finite factors, one for each of c channels.
    void require_factors(const std::vector<float>& scale, const std::vector<float>& shift, std::int64_t c) const;

    bool same_extents(const Value& a, const Value& b) const;

private:
    const Graph& graph_;
    const Node& node_;
    bool numbers_;
};

bool all_finite(const std::vector<float>& values);
/// Of plain floats.
bool all_finite(const Tensor& values);

template <class Values>
void NodeCheck::require_finite(const Values& values, const char* wanted) const {
    if (numbers_) require(all_finite(values), wanted);
}

}  // namespace keel::graph
