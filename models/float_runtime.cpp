#include "models/float_runtime.h"

#include "kernels/eltwise/eltwise.h"
#include "kernels/pool/pool.h"
#include "kernels/profile.h"

namespace keel {
namespace {

constexpr std::int64_t kCacheLine = 16;  // floats

}  // namespace

/// Where the buffers of one run lie. The plan's offsets are those of one image; n images take n times as much of everything.
struct FloatRuntime::Memory {
    const FloatRuntime& runtime;
    std::int64_t n;
    const float* src;
    float* dst;
    float* activations;

    kernels::ConstMap from(const graph::Value& value) const {
        const graph::Graph& graph = runtime.graph_;
        if (value.buffer == graph.src.buffer) return {src + value.first, graph.map(value).c};
        const kernels::Map map = to(value);
        return {map.data, map.ld};
    }
    kernels::Map to(const graph::Value& value) const {
        const graph::Graph& graph = runtime.graph_;
        float* begin = value.buffer == graph.dst.buffer
                           ? dst
                           : activations + n * runtime.plan_.offsets[static_cast<std::size_t>(value.buffer)];
        return {begin + value.first, graph.map(value).c};
    }
};

FloatRuntime::FloatRuntime(graph::Graph graph, std::int64_t batch)
    : graph_(std::move(graph)), plan_(plan_memory(memory_uses(graph_), kCacheLine)) {
    for (graph::Node& node : graph_.nodes) {
        auto* conv = std::get_if<graph::Conv>(&node.op);
        if (conv == nullptr) {
            convs_.emplace_back();
            weights_.emplace_back();
            continue;
        }
        convs_.push_back(kernels::prepare_conv(geometry(graph_, node, *conv, batch),
                                               {conv->before.has_value(), true, conv->residual.has_value(), conv->relu}));
        weights_.push_back(Tensor::empty({convs_.back()->weights_elements()}));
        convs_.back()->pack(conv->weights.data<float>(), weights_.back().data<float>());
        conv->weights = {};
    }
}

void FloatRuntime::run(std::int64_t n, const float* src, float* dst) const {
    const Tensor activations = Tensor::empty({n * plan_.size});
    const Memory memory{*this, n, src, dst, activations.data<float>()};
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
        const graph::Node& node = graph_.nodes[i];
        const profile::Layer layer(node.name);
        std::visit([&](const auto& op) { run(node, op, i, memory); }, node.op);
    }
}

void FloatRuntime::run(const graph::Node& node, const graph::Conv& conv, std::size_t step, const Memory& memory) const {
    kernels::ConvOperands operands;
    operands.src = memory.from(node.src);
    if (conv.before) {
        operands.src_scale = conv.before->scale.data();
        operands.src_shift = conv.before->shift.data();
    }
    operands.weights = weights_[step].data<float>();
    operands.bias = conv.bias.data();
    if (conv.residual) operands.residual = memory.from(*conv.residual);
    operands.dst = memory.to(node.dst);
    convs_[step]->run(memory.n, operands);
}

void FloatRuntime::run(const graph::Node& node, const graph::Pool& pool, std::size_t, const Memory& memory) const {
    kernels::ConstMap src = memory.from(node.src);
    const kernels::Map dst = memory.to(node.dst);
    const graph::Buffer &in = graph_.map(node.src), &out = graph_.map(node.dst);
    const std::int64_t c = node.src.c;
    Tensor normalised;
    if (pool.before) {
        normalised = Tensor::empty({memory.n * in.h * in.w * c});
        kernels::affine_forward({memory.n * in.h * in.w, c, src.ld, c}, src.data, pool.before->scale.data(),
                                pool.before->shift.data(), true, normalised.data<float>());
        src = {normalised.data<float>(), c};
    }
    const PoolOptions& o = pool.window;
    const kernels::PoolGeometry g{memory.n, in.h, in.w, c, out.h, out.w, o.kernel, o.kernel, o.stride, o.pad, src.ld, dst.ld};
    switch (pool.kind) {
        case graph::PoolKind::max:
            return kernels::max_pool_forward(g, src.data, dst.data, nullptr);
        case graph::PoolKind::average:
            return kernels::avg_pool_forward(g, src.data, dst.data);
        case graph::PoolKind::adaptive_average:
            return kernels::adaptive_avg_pool_forward(g, src.data, dst.data);
    }
}

void FloatRuntime::run(const graph::Node& node, const graph::Affine& affine, std::size_t, const Memory& memory) const {
    const kernels::ConstMap src = memory.from(node.src);
    const kernels::Map dst = memory.to(node.dst);
    const graph::Buffer& map = graph_.map(node.src);
    kernels::affine_forward({memory.n * map.h * map.w, node.src.c, src.ld, dst.ld}, src.data, affine.scale.data(),
                            affine.shift.data(), affine.relu, dst.data);
}

}  // namespace keel
