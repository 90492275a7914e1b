#include "graph/ops/softmax.h"

#include "graph/check.h"
#include "graph/run_memory.h"
#include "kernels/softmax/softmax.h"

namespace keel::graph {

void Softmax::fields(Archive& archive) { archive.flag("log", log); }

void Softmax::check(const NodeCheck& node) const {
    node.require_floats();
    node.require_same_extents();
}

void Softmax::run(const Node& node, const RunMemory& memory) const {
    const kernels::ConstMap src = memory.from(node.src);
    const kernels::Map dst = memory.to(node.dst);
    kernels::softmax_forward({memory.pixels(node.src), node.src.c, src.ld, dst.ld}, log, src.floats(), dst.floats());
}

}  // namespace keel::graph
