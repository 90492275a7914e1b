#include "graph/ops/quant_pool.h"

#include "graph/check.h"
#include "graph/run_memory.h"

namespace keel::graph {

void QuantPool::fields(Archive& archive) {
    graph::fields(archive, kind, window);
    graph::fields(archive, prologue);
    archive.numbers("pad_codes", pad);
    archive.numbers("scale", scale);
    archive.numbers("shift", shift);
}

void QuantPool::check(const NodeCheck& node) const {
    node.require_src(true);
    check_prologue(node, prologue, pad);
    if (kind == PoolKind::max) {
        node.require_dst(true);
        node.require(scale.empty() && shift.empty() && pad.empty(), "no factors of a maximum");
    } else {
        node.require_factors(scale, shift, node.node().src.c);
    }
    check_window(node, kind, window);
}

void QuantPool::run(const Node& node, const RunMemory& memory) const {
    const kernels::PoolGeometry g = pool_geometry(memory, node, window);
    const std::uint8_t* src = memory.quantized_from(node.src).data;
    if (kind == PoolKind::max)
        return kernels::quant_max_pool(g, src, prologue.view(), memory.quantized_to(node.dst).data);
    kernels::QuantAverage average;
    average.prologue = prologue.view();
    average.pad = pad.empty() ? nullptr : pad.data();
    average.scale = scale.data();
    average.shift = shift.data();
    if (memory.quantized(node.dst))
        average.dst = memory.quantized_to(node.dst).data;
    else
        average.floats = memory.to(node.dst).floats();
    if (kind == PoolKind::average)
        kernels::quant_avg_pool(g, src, average);
    else
        kernels::quant_adaptive_avg_pool(g, src, average);
}

}  // namespace keel::graph
