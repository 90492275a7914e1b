#include "graph/runtime.h"

#include <limits>
#include <utility>

#include "kernels/eltwise/eltwise.h"
#include "kernels/pool/pool.h"
#include "kernels/profile.h"

namespace keel {
namespace {

/// What a pool's kernels want to know of it.
kernels::PoolGeometry pool_geometry(const graph::Graph& graph, const graph::Node& node, const PoolOptions& o, std::int64_t n) {
    const graph::Buffer &in = graph.map(node.src), &out = graph.map(node.dst);
    return {n, in.h, in.w, node.src.c, out.h, out.w, o.kernel, o.kernel, o.stride, o.pad, in.c, out.c};
}

}  // namespace

/// Where the buffers of one run lie. The plan's offsets are those of one image; n images take n times as much of everything.
struct Runtime::Memory {
    const Runtime& runtime;
    std::int64_t n;
    const float* src;
    float* dst;
    std::uint8_t* activations;

    /// The buffer of a value; the graph's src is only read.
    template <class T>
    T* buffer(const graph::Value& value) const {
        const graph::Graph& graph = runtime.graph_;
        if (value.buffer == graph.src.buffer) return reinterpret_cast<T*>(const_cast<float*>(src));
        if (value.buffer == graph.dst.buffer) return reinterpret_cast<T*>(dst);
        return reinterpret_cast<T*>(activations + n * runtime.plan_.offsets[static_cast<std::size_t>(value.buffer)]);
    }
    std::int64_t ld(const graph::Value& value) const { return runtime.graph_.map(value).c; }
    bool codes(const graph::Value& value) const { return runtime.graph_.map(value).codes; }
    std::int64_t pixels(const graph::Value& value) const { return n * runtime.graph_.map(value).h * runtime.graph_.map(value).w; }

    kernels::ConstMap from(const graph::Value& value) const { return {buffer<const float>(value) + value.first, ld(value)}; }
    kernels::Map to(const graph::Value& value) const { return {buffer<float>(value) + value.first, ld(value)}; }
    kernels::ConstQuantizedMap codes_from(const graph::Value& value) const {
        return {buffer<const std::uint8_t>(value) + value.first, ld(value)};
    }
    kernels::QuantizedMap codes_to(const graph::Value& value) const {
        return {buffer<std::uint8_t>(value) + value.first, ld(value)};
    }

    template <class Look>
    void show(const Look& look, std::size_t step, const graph::Value& value) const {
        if (!look) return;
        if (codes(value))
            look(step, codes_to(value).data, ld(value));
        else
            look(step, to(value).floats(), ld(value));
    }
};

Runtime::Runtime(graph::Graph graph, std::int64_t batch) : graph_(std::move(graph)), plan_(plan_memory(memory_uses(graph_), 64)) {
    for (graph::Node& node : graph_.nodes) {
        prepared_.emplace_back();
        if (auto* conv = std::get_if<graph::Conv>(&node.op)) prepare(node, *conv, batch);
        if (auto* conv = std::get_if<graph::QuantConv>(&node.op)) prepare(node, *conv, batch);
    }
}

void Runtime::prepare(const graph::Node& node, graph::Conv& conv, std::int64_t batch) {
    Prepared& p = prepared_.back();
    p.conv = kernels::prepare_conv(geometry(graph_, node, conv, batch),
                                   {conv.before.has_value(), true, conv.residual.has_value(), conv.relu});
    p.weights = Tensor::empty({p.conv->weights_elements()});
    p.conv->pack(conv.weights.data<float>(), p.weights.data<float>());
    conv.weights = {};
}

void Runtime::prepare(const graph::Node& node, graph::QuantConv& conv, std::int64_t batch) {
    Prepared& p = prepared_.back();
    p.qconv = std::make_unique<const kernels::Qconv>(geometry(graph_, node, conv, batch));
    p.weights = Tensor::empty({static_cast<std::int64_t>(p.qconv->packed_bytes())}, DType::u8);
    p.qconv->pack({conv.weights.data<std::int8_t>(), conv.scale.data(), conv.shift.data(),
                   conv.residual ? conv.residual_scale.data() : nullptr},
                  packed(p));
    conv.weights = {};
}

void Runtime::set_shift(std::size_t step, std::vector<float> shift) {
    auto* conv = step < graph_.nodes.size() ? std::get_if<graph::QuantConv>(&graph_.nodes[step].op) : nullptr;
    if (conv == nullptr || shift.size() != conv->shift.size())
        throw UsageError("[runtime] set_shift: node " + std::to_string(step) + " is no convolution of codes of " +
                         std::to_string(shift.size()) + " channels");
    conv->shift = std::move(shift);
    prepared_[step].qconv->set_shift(conv->shift.data(), packed(prepared_[step]));
}

std::byte* Runtime::packed(const Prepared& p) { return reinterpret_cast<std::byte*>(p.weights.data<std::uint8_t>()); }

void Runtime::run(std::int64_t n, const float* src, float* dst, const Watch& watch) const {
    const Tensor activations = Tensor::empty({n * plan_.size}, DType::u8);
    const Memory memory{*this, n, src, dst, activations.data<std::uint8_t>()};
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
        const graph::Node& node = graph_.nodes[i];
        const profile::Layer layer(node.name);
        memory.show(watch.before, i, node.src);
        std::visit([&](const auto& op) { run(node, op, i, memory); }, node.op);
        memory.show(watch.after, i, node.dst);
    }
}

void Runtime::run(const graph::Node& node, const graph::Conv& conv, std::size_t step, const Memory& memory) const {
    kernels::ConvOperands operands;
    operands.src = memory.from(node.src);
    if (conv.before) {
        operands.src_scale = conv.before->scale.data();
        operands.src_shift = conv.before->shift.data();
    }
    operands.weights = prepared_[step].weights.data<float>();
    operands.bias = conv.bias.data();
    if (conv.residual) operands.residual = memory.from(*conv.residual);
    operands.dst = memory.to(node.dst);
    prepared_[step].conv->run(memory.n, operands);
}

void Runtime::run(const graph::Node& node, const graph::Pool& pool, std::size_t, const Memory& memory) const {
    kernels::ConstMap src = memory.from(node.src);
    const kernels::Map dst = memory.to(node.dst);
    const std::int64_t c = node.src.c, pixels = memory.pixels(node.src);
    Tensor normalised;
    if (pool.before) {
        normalised = Tensor::empty({pixels * c});
        kernels::affine_forward({pixels, c, src.ld, c}, src.floats(), pool.before->scale.data(),
                                pool.before->shift.data(), true, normalised.data<float>());
        src = {normalised.data<float>(), c};
    }
    kernels::PoolGeometry g = pool_geometry(graph_, node, pool.window, memory.n);
    g.src_ld = src.ld;
    switch (pool.kind) {
        case graph::PoolKind::max:
            return kernels::max_pool_forward(g, src.floats(), dst.floats(), nullptr);
        case graph::PoolKind::average:
            return kernels::avg_pool_forward(g, src.floats(), dst.floats());
        case graph::PoolKind::adaptive_average:
            return kernels::adaptive_avg_pool_forward(g, src.floats(), dst.floats());
    }
}

void Runtime::run(const graph::Node& node, const graph::Affine& affine, std::size_t, const Memory& memory) const {
    const kernels::ConstMap src = memory.from(node.src);
    const kernels::Map dst = memory.to(node.dst);
    const graph::Buffer& map = graph_.map(node.src);
    kernels::affine_forward({memory.n * map.h * map.w, node.src.c, src.ld, dst.ld}, src.floats(), affine.scale.data(),
                            affine.shift.data(), affine.relu, dst.floats());
}

void Runtime::run(const graph::Node& node, const graph::Quantise& op, std::size_t, const Memory& memory) const {
    const kernels::ConstMap src = memory.from(node.src);
    const kernels::QuantizedMap dst = memory.codes_to(node.dst);
    kernels::quantize({memory.pixels(node.src), node.src.c, src.ld, dst.ld}, src.floats(), op.scale.data(),
                      op.shift.data(), dst.data);
}

void Runtime::run(const graph::Node& node, const graph::Dequantise& op, std::size_t, const Memory& memory) const {
    const kernels::ConstQuantizedMap src = memory.codes_from(node.src);
    const kernels::Map dst = memory.to(node.dst);
    kernels::dequantize({memory.pixels(node.src), node.src.c, src.ld, dst.ld}, src.data, op.scale.data(),
                        op.shift.data(), dst.floats());
}

void Runtime::run(const graph::Node& node, const graph::QuantConv& conv, std::size_t step, const Memory& memory) const {
    kernels::QconvOperands operands;
    operands.src = memory.codes_from(node.src);
    operands.prologue = conv.before.view();
    operands.pad = conv.pad.empty() ? nullptr : conv.pad.data();
    operands.packed = packed(prepared_[step]);
    if (conv.residual) operands.residual = memory.codes_from(*conv.residual);
    if (memory.codes(node.dst)) {
        operands.dst = memory.codes_to(node.dst);
        operands.least = conv.relu ? conv.zero : 0;
    } else {
        operands.floats = memory.to(node.dst);
        operands.least = conv.relu ? 0 : -std::numeric_limits<float>::infinity();
    }
    prepared_[step].qconv->run(memory.n, operands);
}

void Runtime::run(const graph::Node& node, const graph::QuantPool& pool, std::size_t, const Memory& memory) const {
    const kernels::PoolGeometry g = pool_geometry(graph_, node, pool.window, memory.n);
    const std::uint8_t* src = memory.codes_from(node.src).data;
    if (pool.kind == graph::PoolKind::max)
        return kernels::quant_max_pool(g, src, pool.before.view(), memory.codes_to(node.dst).data);
    kernels::QuantAverage average;
    average.prologue = pool.before.view();
    average.pad = pool.pad.empty() ? nullptr : pool.pad.data();
    average.scale = pool.scale.data();
    average.shift = pool.shift.data();
    if (memory.codes(node.dst))
        average.dst = memory.codes_to(node.dst).data;
    else
        average.floats = memory.to(node.dst).floats();
    if (pool.kind == graph::PoolKind::average)
        kernels::quant_avg_pool(g, src, average);
    else
        kernels::quant_adaptive_avg_pool(g, src, average);
}

}  // namespace keel
