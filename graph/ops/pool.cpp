#include "graph/ops/pool.h"

#include <array>

#include "graph/bf16_maps.h"
#include "graph/check.h"
#include "graph/run_memory.h"
#include "kernels/eltwise/eltwise.h"

namespace keel::graph {
namespace {

constexpr std::array<const char*, 3> kPoolKinds{"max", "average", "adaptive_average"};

}  // namespace

void fields(Archive& archive, PoolKind& kind, PoolOptions& window) {
    int index = static_cast<int>(kind);
    archive.word("kind", index, kPoolKinds);
    kind = static_cast<PoolKind>(index);
    archive.integer("kernel", window.kernel);
    archive.integer("stride", window.stride);
    archive.integer("pad", window.pad);
}

void check_window(const NodeCheck& node, PoolKind kind, const PoolOptions& window) {
    node.require(node.node().src.c == node.node().dst.c, "as many channels in dst as in src");
    if (kind == PoolKind::adaptive_average) return;
    node.require(window.kernel >= 1 && window.stride >= 1 && window.pad >= 0 && window.pad < window.kernel,
                 "windows that hold a pixel");
    const Buffer &src = node.src(), &dst = node.dst();
    node.require(window.fits(src.h, src.w) && window.extent(src.h) == dst.h && window.extent(src.w) == dst.w,
                 "a dst of the pooled extents");
}

kernels::PoolGeometry pool_geometry(const RunMemory& memory, const Node& node, const PoolOptions& o) {
    const Buffer &in = memory.graph().map(node.src), &out = memory.graph().map(node.dst);
    return {memory.n(), in.h, in.w, node.src.c, out.h, out.w, o.kernel, o.kernel, o.stride, o.pad, in.c, out.c};
}

void Pool::fields(Archive& archive) {
    graph::fields(archive, kind, window);
    graph::fields(archive, prologue);
}

void Pool::check(const NodeCheck& node) const {
    node.require_floats();
    check_prologue(node, prologue);
    check_window(node, kind, window);
}

template <class T>
void Pool::run_on(const Node& node, const RunMemory& memory) const {
    const kernels::ConstMap map = memory.from(node.src);
    const auto* src = static_cast<const T*>(map.data);
    auto* dst = static_cast<T*>(memory.to(node.dst).data);
    const std::int64_t c = node.src.c, pixels = memory.pixels(node.src);
    kernels::PoolGeometry g = pool_geometry(memory, node, window);
    Tensor normalized;
    if (prologue) {
        normalized = Tensor::empty({pixels * c}, dtype_of<T>());
        kernels::affine_forward({pixels, c, map.ld, c}, src, prologue->scale.data(), prologue->shift.data(), true,
                                normalized.data<T>());
        src = normalized.data<T>();
        g.src_ld = c;
    }
    switch (kind) {
        case PoolKind::max:
            return kernels::max_pool_forward<T>(g, src, dst, nullptr);
        case PoolKind::average:
            return kernels::avg_pool_forward<T>(g, src, dst);
        case PoolKind::adaptive_average:
            return kernels::adaptive_avg_pool_forward<T>(g, src, dst);
    }
}

void Pool::run(const Node& node, const RunMemory& memory) const {
    with_elements(memory.to(node.dst).type, [&]<class T>(T) { run_on<T>(node, memory); });
}

/// The prologue's results would be rounded before they are averaged.
bool Pool::takes_bf16(const Graph& graph, const Node& node) const {
    return all_bf16(graph, node) && (kind == PoolKind::max || !prologue);
}

}  // namespace keel::graph
