// Convolution of floats.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/ops.h"
#include "graph/graph.h"
#include "kernels/activation/activation.h"

namespace keel::graph {

/// How the kernel of a convolution moves over its map, axis by axis and side by side.
struct ConvWindow {
    ConvWindow() = default;
    ConvWindow(const Conv2dOptions& o)  // NOLINT: what is the same along both axes is a window
        : stride_h(o.stride),
          stride_w(o.stride),
          top(o.pad),
          left(o.pad),
          bottom(o.pad),
          right(o.pad),
          dilation_h(o.dilation),
          dilation_w(o.dilation),
          groups(o.groups) {}

    int stride_h = 1, stride_w = 1, top = 0, left = 0, bottom = 0, right = 0, dilation_h = 1, dilation_w = 1;
    int groups = 1;

    /// Whether both axes and all sides are alike, so that options() say the same.
    bool even() const;
    Conv2dOptions options() const;
    /// Whether there is padding on any side.
    bool padded() const { return top > 0 || left > 0 || bottom > 0 || right > 0; }

    bool operator==(const ConvWindow&) const = default;
};

/// activation(conv(prologue(src)) + bias + residual); with relu, max(0, .) of that sum, and no activation. A linear
/// layer is a convolution with a kernel as large as its map.
struct Conv {
    static constexpr std::string_view kName = "conv";
    static constexpr bool kMultipliesFloats = true;
    Tensor weights;  ///< {oc, ic / groups, kh, kw}, plain; those of a batch norm that follows are folded in
    std::vector<float> bias;
    ConvWindow window;
    std::optional<Prologue> prologue;
    std::optional<Value> residual;  ///< of dst's extents; may be dst itself
    bool relu = false;
    std::optional<kernels::Activation> activation;

    void fields(Archive& archive);
    void check(const NodeCheck& node) const;
    /// Packs the weights and drops the plain ones.
    std::unique_ptr<Step> prepare(const Graph& graph, const Node& node, std::int64_t batch);
    bool multiplies_bf16(const Graph& graph, const Node& node) const;
    bool takes_bf16(const Graph& graph, const Node& node) const;
    /// One with an uneven window has none, nor has one with an activation but a clip from 0 on.
    bool quantize(QuantizePass& pass, const Node& node) const;
};

void fields(Archive& archive, Conv2dOptions& options);
/// An even window has the fields of its options.
void fields(Archive& archive, ConvWindow& window);

/// The geometry of a convolution of n images; the second, of a node.
kernels::Conv2dGeometry conv_geometry(const Buffer& map, std::int64_t ic, const Tensor& weights,
                                      const ConvWindow& window, std::int64_t n);
kernels::Conv2dGeometry conv_geometry(const Graph& graph, const Node& node, const Tensor& weights,
                                      const ConvWindow& window, std::int64_t n);

/// Checks weights of four dims and their geometry against src and dst, and returns the number of output channels.
std::int64_t check_conv(const NodeCheck& node, const Tensor& weights, const ConvWindow& window);

}  // namespace keel::graph
