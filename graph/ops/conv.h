// Convolution of floats.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/ops.h"
#include "graph/graph.h"

namespace keel::graph {

/// conv(prologue(src)) + bias + residual, then max(0, .) if relu. A linear layer is a convolution with a kernel as
/// large as its map.
struct Conv {
    static constexpr std::string_view kName = "conv";
    static constexpr bool kMultipliesFloats = true;
    Tensor weights;  ///< {oc, ic / groups, kh, kw}, plain; those of a batch norm that follows are folded in
    std::vector<float> bias;
    Conv2dOptions options;
    std::optional<Prologue> prologue;
    std::optional<Value> residual;  ///< of dst's extents; may be dst itself
    bool relu = false;

    void fields(Archive& archive);
    void check(const NodeCheck& node) const;
    /// Packs the weights and drops the plain ones.
    std::unique_ptr<Step> prepare(const Graph& graph, const Node& node, std::int64_t batch);
    void quantize(QuantizePass& pass, const Node& node) const;
};

void fields(Archive& archive, Conv2dOptions& options);

/// The geometry of a node that convolves n images.
kernels::Conv2dGeometry conv_geometry(const Graph& graph, const Node& node, const Tensor& weights,
                                      const Conv2dOptions& options, std::int64_t n);

/// Checks weights of four dims and their geometry against src and dst, and returns the number of output channels.
std::int64_t check_conv(const NodeCheck& node, const Tensor& weights, const Conv2dOptions& options);

}  // namespace keel::graph
