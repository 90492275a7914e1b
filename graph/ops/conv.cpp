#include "graph/ops/conv.h"

#include "graph/bf16_maps.h"
#include "graph/check.h"
#include "graph/copied.h"
#include "graph/ops/activation.h"
#include "graph/run_memory.h"
#include "kernels/routing/prepared.h"

namespace keel::graph {
namespace {

kernels::ConvFusion fusion_of(const Conv& conv, DType maps) {
    return {conv.prologue.has_value(),
            true,
            conv.residual.has_value(),
            conv.relu,
            conv.activation.value_or(kernels::Activation{}),
            maps};
}

class ConvStep final : public Step {
public:
    ConvStep(const Conv& conv, const kernels::Conv2dGeometry& g, DType maps)
        : conv_(conv),
          prepared_(kernels::prepare_conv(g, fusion_of(conv, maps))),
          weights_(Tensor::empty({prepared_->weights_elements()})) {
        prepared_->pack(conv.weights.data<float>(), weights_.data<float>());
        weights_ = copied_to_nodes(weights_);
    }

    void run(const Node& node, const RunMemory& memory) const override {
        kernels::ConvOperands operands;
        operands.src = memory.from(node.src);
        if (conv_.prologue) {
            operands.src_scale = conv_.prologue->scale.data();
            operands.src_shift = conv_.prologue->shift.data();
        }
        operands.weights = weights_.data<float>();
        operands.bias = conv_.bias.data();
        if (conv_.residual) operands.residual = memory.from(*conv_.residual);
        operands.dst = memory.to(node.dst);
        prepared_->run(memory.n(), operands);
    }

private:
    const Conv& conv_;
    std::unique_ptr<const kernels::PreparedConv> prepared_;
    Tensor weights_;
};

}  // namespace

void fields(Archive& archive, Conv2dOptions& options) {
    archive.integer("stride", options.stride);
    archive.integer("pad", options.pad);
    archive.integer("dilation", options.dilation);
    archive.integer("groups", options.groups);
}

void fields(Archive& archive, ConvWindow& window) {
    std::optional<ConvWindow> uneven;
    if (!window.even()) uneven = window;
    if (!archive.optional("window", uneven)) {
        Conv2dOptions options = window.options();
        fields(archive, options);
        window = options;
        return;
    }
    ConvWindow& w = *uneven;
    archive.integer("stride_h", w.stride_h);
    archive.integer("stride_w", w.stride_w);
    archive.integer("pad_top", w.top);
    archive.integer("pad_left", w.left);
    archive.integer("pad_bottom", w.bottom);
    archive.integer("pad_right", w.right);
    archive.integer("dilation_h", w.dilation_h);
    archive.integer("dilation_w", w.dilation_w);
    archive.integer("groups", w.groups);
    window = w;
}

bool ConvWindow::even() const { return *this == ConvWindow(options()); }

Conv2dOptions ConvWindow::options() const {
    return {.stride = stride_h, .pad = top, .dilation = dilation_h, .groups = groups};
}

kernels::Conv2dGeometry conv_geometry(const Buffer& map, std::int64_t ic, const Tensor& weights,
                                      const ConvWindow& window, std::int64_t n) {
    kernels::Conv2dGeometry g{
        n, ic, map.h, map.w, weights.dim(0), static_cast<int>(weights.dim(2)), static_cast<int>(weights.dim(3))};
    g.groups = window.groups;
    g.stride_h = window.stride_h;
    g.stride_w = window.stride_w;
    g.pad_h = window.top;
    g.pad_w = window.left;
    g.far_h = window.bottom - window.top;
    g.far_w = window.right - window.left;
    g.dilation_h = window.dilation_h;
    g.dilation_w = window.dilation_w;
    kernels::check_geometry(g);
    return g;
}

kernels::Conv2dGeometry conv_geometry(const Graph& graph, const Node& node, const Tensor& weights,
                                      const ConvWindow& window, std::int64_t n) {
    return conv_geometry(graph.map(node.src), node.src.c, weights, window, n);
}

std::int64_t check_conv(const NodeCheck& at, const Tensor& weights, const ConvWindow& window) {
    const auto g = conv_geometry(at.graph(), at.node(), weights, window, 1);
    at.require(weights.dim(1) * window.groups == g.ic && g.oc == at.node().dst.c,
               "weights of the channels of src and dst");
    at.require(g.oh() == at.dst().h && g.ow() == at.dst().w, "a dst of the convolution's extents");
    return g.oc;
}

void Conv::fields(Archive& archive) {
    archive.tensor("weights", weights, DType::f32);
    archive.numbers("bias", bias);
    graph::fields(archive, window);
    graph::fields(archive, prologue);
    if (archive.optional("residual", residual)) archive.slice("residual", *residual);
    archive.flag("relu", relu);
    if (archive.optional("activation", activation)) graph::fields(archive, *activation);
}

void Conv::check(const NodeCheck& node) const {
    node.require_floats();
    node.require(weights && weights.rank() == 4 && !weights.layout(), "plain weights of four dims");
    node.require(std::ssize(bias) == check_conv(node, weights, window), "a bias of dst's channels");
    node.require_finite(weights, "finite weights");
    node.require_finite(bias, "finite weights");
    check_prologue(node, prologue);
    node.require_residual();
    if (!activation) return;
    check_activation(node, *activation);
    node.require(!relu, "a ReLU or an activation, not both");
}

bool Conv::multiplies_bf16(const Graph& graph, const Node& node) const {
    // Pixels begin at words of two bf16.
    if (graph.map(node.src).c % 2 != 0 || node.src.first % 2 != 0) return false;
    return kernels::prepare_conv(conv_geometry(graph, node, weights, window, 1), fusion_of(*this, DType::bf16)) !=
           nullptr;
}

bool Conv::takes_bf16(const Graph& graph, const Node& node) const {
    return all_bf16(graph, node) && multiplies_bf16(graph, node);
}

std::unique_ptr<Step> Conv::prepare(const Graph& graph, const Node& node, std::int64_t batch) {
    auto step = std::make_unique<ConvStep>(*this, conv_geometry(graph, node, weights, window, batch),
                                           graph.map(node.dst).type());
    weights = {};
    return step;
}

}  // namespace keel::graph
