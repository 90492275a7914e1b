#include "graph/ops/matmul.h"

#include "graph/check.h"
#include "graph/run_memory.h"
#include "kernels/routing/gemm.h"

namespace keel::graph {

void MatMul::fields(Archive& archive) {
    if (archive.optional("operand", operand)) archive.slice("operand", *operand);
    archive.integer("batches", batches);
    archive.integer("m", m);
    archive.integer("k", k);
    archive.integer("n", n);
}

void MatMul::check(const NodeCheck& node) const {
    node.require_floats();
    node.require(operand.has_value(), "an operand");
    const Buffer& other = node.graph().map(*operand);
    node.require(!other.quantized, "an operand of floats");
    node.require(batches >= 1 && m >= 1 && k >= 1 && n >= 1, "matrices that are not empty");
    const auto holds = [&](const Buffer& map, std::int64_t c, std::int64_t rows, std::int64_t columns) {
        return map.h * map.w == batches * rows && c == columns;
    };
    node.require(holds(node.src(), node.node().src.c, m, k), "a src of batches * m pixels and k channels");
    node.require(holds(other, operand->c, k, n), "an operand of batches * k pixels and n channels");
    node.require(holds(node.dst(), node.node().dst.c, m, n), "a dst of batches * m pixels and n channels");
}

void MatMul::run(const Node& node, const RunMemory& memory) const {
    const kernels::ConstMap a = memory.from(node.src), b = memory.from(*operand);
    const kernels::Map dst = memory.to(node.dst);
    const kernels::GemmGeometry g{false, false, m, n, k, a.ld, b.ld, dst.ld};
    for (std::int64_t i = 0; i < memory.n() * batches; ++i)
        kernels::gemm(g, a.floats() + i * m * a.ld, b.floats() + i * k * b.ld, false, dst.floats() + i * m * dst.ld);
}

}  // namespace keel::graph
