#include "graph/ops/conv.h"

#include "graph/check.h"
#include "graph/run_memory.h"
#include "kernels/routing/prepared.h"

namespace keel::graph {
namespace {

class ConvStep final : public Step {
public:
    ConvStep(const Conv& conv, const kernels::Conv2dGeometry& g)
        : conv_(conv),
          prepared_(kernels::prepare_conv(g, {conv.prologue.has_value(), true, conv.residual.has_value(), conv.relu})),
          weights_(Tensor::empty({prepared_->weights_elements()})) {
        prepared_->pack(conv.weights.data<float>(), weights_.data<float>());
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

kernels::Conv2dGeometry conv_geometry(const Graph& graph, const Node& node, const Tensor& weights,
                                      const Conv2dOptions& options, std::int64_t n) {
    const Buffer& src = graph.map(node.src);
    return conv2d_geometry(Dims{n, src.h, src.w, node.src.c}, weights, options);
}

std::int64_t check_conv(const NodeCheck& at, const Tensor& weights, const Conv2dOptions& options) {
    const auto g = conv_geometry(at.graph(), at.node(), weights, options, 1);
    kernels::check_geometry(g);
    at.require(weights.dim(1) * options.groups == g.ic && g.oc == at.node().dst.c,
               "weights of the channels of src and dst");
    at.require(g.oh() == at.dst().h && g.ow() == at.dst().w, "a dst of the convolution's extents");
    return g.oc;
}

void Conv::fields(Archive& archive) {
    archive.tensor("weights", weights, DType::f32);
    archive.numbers("bias", bias);
    graph::fields(archive, options);
    graph::fields(archive, prologue);
    if (archive.optional("residual", residual)) archive.slice("residual", *residual);
    archive.flag("relu", relu);
}

void Conv::check(const NodeCheck& node) const {
    node.require_floats();
    node.require(weights && weights.rank() == 4 && !weights.layout(), "plain weights of four dims");
    node.require(std::ssize(bias) == check_conv(node, weights, options), "a bias of dst's channels");
    check_prologue(node, prologue);
    node.require_residual();
}

std::unique_ptr<Step> Conv::prepare(const Graph& graph, const Node& node, std::int64_t batch) {
    auto step = std::make_unique<ConvStep>(*this, conv_geometry(graph, node, weights, options, batch));
    weights = {};
    return step;
}

}  // namespace keel::graph
