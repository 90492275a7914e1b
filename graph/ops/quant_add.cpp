#include "graph/ops/quant_add.h"

#include "graph/check.h"
#include "graph/run_memory.h"
#include "kernels/qadd/qadd.h"

namespace keel::graph {

void QuantAdd::fields(Archive& archive) {
    if (archive.optional("residual", residual)) archive.slice("residual", *residual);
    archive.numbers("scale", scale);
    archive.numbers("residual_scale", residual_scale);
    archive.numbers("shift", shift);
    archive.flag("relu", relu);
    archive.integer("zero", zero);
}

void QuantAdd::check(const NodeCheck& node) const {
    node.require_src(true);
    node.require_dst(true);
    node.require_same_extents();
    node.require(residual.has_value(), "a residual");
    node.require_residual();
    node.require_factors(scale, shift, node.node().src.c);
    node.require_factors(residual_scale, shift, node.node().src.c);
}

void QuantAdd::run(const Node& node, const RunMemory& memory) const {
    const kernels::ConstQuantizedMap a = memory.quantized_from(node.src), b = memory.quantized_from(*residual);
    const kernels::QuantizedMap dst = memory.quantized_to(node.dst);
    kernels::quant_add({memory.pixels(node.src), node.src.c, a.ld, b.ld, dst.ld}, a.data, b.data,
                       {scale.data(), residual_scale.data(), shift.data(), relu ? static_cast<float>(zero) : 0.0F},
                       dst.data);
}

}  // namespace keel::graph
