#include "graph/ops/add.h"

#include "graph/bf16_maps.h"
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
    with_elements(dst.type, [&]<class T>(T) {
        const auto forward = relu ? kernels::add_relu_forward<T> : kernels::add_forward<T>;
        forward(g, static_cast<const T*>(a.data), static_cast<const T*>(b.data), static_cast<T*>(dst.data));
    });
}

bool Add::takes_bf16(const Graph& graph, const Node& node) const { return all_bf16(graph, node); }

}  // namespace keel::graph
