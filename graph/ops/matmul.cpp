#include "graph/ops/matmul.h"

#include "graph/check.h"
#include "graph/run_memory.h"
#include "kernels/parallel.h"
#include "kernels/routing/gemm.h"

namespace keel::graph {
namespace {

constexpr std::int64_t kGrain = 32768;  // multiplications worth waking a thread for

}  // namespace

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
    const std::int64_t count = memory.n() * batches, macs = g.m * g.n * g.k;
    const auto multiply = [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            kernels::gemm(g, a.floats() + i * m * a.ld, b.floats() + i * k * b.ld, false,
                          dst.floats() + i * m * dst.ld);
    };
    if (count < thread_count())
        multiply(0, count);  // each on the whole team
    else
        parallel_for(count, chunk_count(kGrain, macs),
                     [&](std::int64_t begin, std::int64_t end) { multiply(begin, end); });
}

}  // namespace keel::graph
