#include "graph/ops/affine.h"

#include "graph/check.h"
#include "graph/run_memory.h"
#include "kernels/eltwise/eltwise.h"

namespace keel::graph {

void Affine::fields(Archive& archive) {
    archive.numbers("scale", scale);
    archive.numbers("shift", shift);
    archive.flag("relu", relu);
}

void Affine::check(const NodeCheck& node) const {
    node.require_floats();
    node.require_same_extents();
    node.require_factors(scale, shift, node.node().src.c);
}

void Affine::run(const Node& node, const RunMemory& memory) const {
    const kernels::ConstMap src = memory.from(node.src);
    const kernels::Map dst = memory.to(node.dst);
    kernels::affine_forward({memory.pixels(node.src), node.src.c, src.ld, dst.ld}, src.floats(), scale.data(),
                            shift.data(), relu, dst.floats());
}

}  // namespace keel::graph
