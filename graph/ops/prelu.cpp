#include "graph/ops/prelu.h"

#include "graph/check.h"
#include "graph/run_memory.h"
#include "kernels/eltwise/channelwise.h"

namespace keel::graph {

void PRelu::fields(Archive& archive) { archive.numbers("slope", slope); }

void PRelu::check(const NodeCheck& node) const {
    node.require_floats();
    node.require_same_extents();
    node.require((slope.size() == 1 || std::ssize(slope) == node.node().src.c) && all_finite(slope),
                 "a finite slope, or one of each channel");
}

void PRelu::run(const Node& node, const RunMemory& memory) const {
    const kernels::ConstMap src = memory.from(node.src);
    const kernels::Map dst = memory.to(node.dst);
    kernels::prelu_forward({memory.pixels(node.src), node.src.c, src.ld, dst.ld}, src.floats(), slope.data(),
                           slope.size() == 1 ? 0 : 1, dst.floats());
}

}  // namespace keel::graph
