#include "graph/ops/reduce.h"

#include <array>

#include "graph/check.h"
#include "graph/run_memory.h"

namespace keel::graph {
namespace {

constexpr std::array<const char*, 4> kReduceKinds{"mean", "sum", "max", "min"};

}  // namespace

void Reduce::fields(Archive& archive) { archive.choice("kind", kind, kReduceKinds); }

void Reduce::check(const NodeCheck& node) const {
    node.require_floats();
    node.require(node.src().h == node.dst().h && node.src().w == node.dst().w && node.node().dst.c == 1,
                 "a dst of src's pixels and one channel");
}

void Reduce::run(const Node& node, const RunMemory& memory) const {
    const kernels::ConstMap src = memory.from(node.src);
    const kernels::Map dst = memory.to(node.dst);
    kernels::reduce_channels({memory.pixels(node.src), node.src.c, src.ld, dst.ld}, kind, src.floats(), dst.floats());
}

}  // namespace keel::graph
