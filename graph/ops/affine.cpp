#include "graph/ops/affine.h"

#include "graph/bf16_maps.h"
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
    const kernels::UnaryGeometry g{memory.pixels(node.src), node.src.c, src.ld, dst.ld};
    with_elements(dst.type, [&]<class T>(T) {
        kernels::affine_forward(g, static_cast<const T*>(src.data), scale.data(), shift.data(), relu,
                                static_cast<T*>(dst.data));
    });
}

bool Affine::takes_bf16(const Graph& graph, const Node& node) const { return all_bf16(graph, node); }

}  // namespace keel::graph
