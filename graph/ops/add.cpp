#include "graph/ops/add.h"

#include "graph/check.h"
#include "graph/run_memory.h"
#include "kernels/eltwise/eltwise.h"

namespace keel::graph {

void Add::fields(Archive& archive) {
    if (archive.optional("residual", residual)) archive.slice("residual", *residual);
    archive.flag("relu", relu);
}

void Add::check(const NodeCheck& node) const {
    node.require_floats();
    node.require_same_extents();
    node.require(residual.has_value(), "a residual");
    node.require_residual();
}

void Add::run(const Node& node, const RunMemory& memory) const {
    const kernels::ConstMap a = memory.from(node.src), b = memory.from(*residual);
    const kernels::Map dst = memory.to(node.dst);
    const kernels::BinaryGeometry g{memory.pixels(node.src), node.src.c, a.ld, b.ld, dst.ld};
    if (relu)
        kernels::add_relu_forward(g, a.floats(), b.floats(), dst.floats());
    else
        kernels::add_forward(g, a.floats(), b.floats(), dst.floats());
}

}  // namespace keel::graph
