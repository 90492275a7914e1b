#include "graph/ops/quant_conv.h"

#include <limits>

#include "graph/check.h"
#include "graph/copied.h"
#include "graph/ops/conv.h"
#include "graph/run_memory.h"
#include "kernels/replicas.h"

namespace keel::graph {

void QuantConv::fields(Archive& archive) {
    archive.tensor("weights", weights, DType::s8);
    archive.numbers("scale", scale);
    archive.numbers("shift", shift);
    graph::fields(archive, options);
    graph::fields(archive, prologue);
    archive.numbers("pad_codes", pad);
    if (archive.optional("residual", residual)) archive.slice("residual", *residual);
    archive.numbers("residual_scale", residual_scale);
    archive.flag("relu", relu);
    archive.integer("zero", zero);
}

void QuantConv::check(const NodeCheck& node) const {
    node.require_src(true);
    node.require(weights && weights.rank() == 4 && weights.dtype() == DType::s8, "s8 weights of four dims");
    const std::int64_t oc = check_conv(node, weights, options);
    node.require_factors(scale, shift, oc);
    check_prologue(node, prologue, pad);
    node.require(residual ? std::ssize(residual_scale) == oc && all_finite(residual_scale) : residual_scale.empty(),
                 "finite factors of a residual where there is one");
    if (residual) node.require_dst(true);
    node.require_residual();
}

std::unique_ptr<Step> QuantConv::prepare(const Graph& graph, const Node& node, std::int64_t batch) {
    auto step = std::make_unique<QuantConvStep>(*this, conv_geometry(graph, node, weights, options, batch));
    weights = {};
    return step;
}

QuantConvStep::QuantConvStep(QuantConv& conv, const kernels::Conv2dGeometry& g)
    : conv_(conv), kernel_(g), weights_(Tensor::empty({static_cast<std::int64_t>(kernel_.packed_bytes())}, DType::u8)) {
    kernel_.pack({conv.weights.data<std::int8_t>(), conv.scale.data(), conv.shift.data(),
                  conv.residual ? conv.residual_scale.data() : nullptr},
                 packed());
    weights_ = copied_to_nodes(weights_);
}

bool QuantConvStep::set_shift(const std::vector<float>& shift) {
    if (shift.size() != conv_.shift.size()) return false;
    conv_.shift = shift;
    kernel_.set_shift(conv_.shift.data(), packed());
    kernels::renew_copies(packed(), kernel_.packed_bytes());
    return true;
}

void QuantConvStep::run(const Node& node, const RunMemory& memory) const {
    kernels::QconvOperands operands;
    operands.src = memory.quantized_from(node.src);
    operands.prologue = conv_.prologue.view();
    operands.pad = conv_.pad.empty() ? nullptr : conv_.pad.data();
    operands.packed = packed();
    if (conv_.residual) operands.residual = memory.quantized_from(*conv_.residual);
    if (memory.quantized(node.dst)) {
        operands.dst = memory.quantized_to(node.dst);
        operands.least = conv_.relu ? conv_.zero : 0;
    } else {
        operands.floats = memory.to(node.dst);
        operands.least = conv_.relu ? 0 : -std::numeric_limits<float>::infinity();
    }
    kernel_.run(memory.n(), operands);
}

}  // namespace keel::graph
