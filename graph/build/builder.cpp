#include "graph/build/builder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "graph/build/buffers.h"
#include "graph/build/place_concats.h"
#include "graph/ops/activation.h"
#include "graph/ops/add.h"
#include "graph/ops/affine.h"
#include "kernels/parallel.h"

namespace keel::graph {
namespace {

std::vector<float> rounded(const std::vector<double>& values) { return {values.begin(), values.end()}; }

/// The bias of n outputs, which may be undefined.
std::vector<float> bias_of(const Tensor& bias, std::int64_t n) {
    std::vector<float> values(static_cast<std::size_t>(n));
    if (!bias) return values;
    if (bias.elements() != n)
        throw UsageError("[graph] bias has " + std::to_string(bias.elements()) + " elements, weights expect " +
                         std::to_string(n));
    std::copy_n(bias.contiguous().data<float>(), n, values.begin());
    return values;
}

/// Makes conv(x) * scale + shift of conv(x). Each number is rounded once.
void fold(const std::vector<double>& scale, const std::vector<double>& shift, Conv& conv) {
    const Tensor folded = Tensor::empty(conv.weights.dims());
    const std::int64_t k = folded.elements() / folded.dim(0);
    parallel_for(folded.dim(0), 16384 / k, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t o = begin; o < end; ++o) {
            const float* from = conv.weights.data<float>() + o * k;
            float* to = folded.data<float>() + o * k;
            const double factor = scale[static_cast<std::size_t>(o)];
            for (std::int64_t i = 0; i < k; ++i) to[i] = static_cast<float>(double{from[i]} * factor);
        }
    });
    conv.weights = folded;
    for (std::size_t o = 0; o < conv.bias.size(); ++o)
        conv.bias[o] = static_cast<float>(double{conv.bias[o]} * scale[o] + shift[o]);
}

}  // namespace

Builder::Builder(std::int64_t h, std::int64_t w, std::int64_t c) { graph_.src = new_value(h, w, c); }

Value Builder::new_value(std::int64_t h, std::int64_t w, std::int64_t c) {
    graph_.buffers.push_back({h, w, c});
    return {static_cast<int>(graph_.buffers.size()) - 1, 0, c};
}

Value Builder::push(std::string name, const Value& src, const Value& dst, Op op) {
    graph_.nodes.push_back({std::move(name), src, dst, std::move(op)});
    return dst;
}

void Builder::write(std::string name, const Value& src, const Value& dst, Op op) {
    push(std::move(name), src, dst, std::move(op));
}

Value Builder::append(std::string name, const Value& src, std::int64_t h, std::int64_t w, std::int64_t c, Op op) {
    return push(std::move(name), src, new_value(h, w, c), std::move(op));
}

/// Returns the node added last, if it is a convolution that makes `dst` and has no activation yet, else null. A slice
/// of a wider buffer has other readers.
Conv* Builder::open_conv(const Value& dst) {
    if (graph_.nodes.empty() || graph_.nodes.back().dst != dst || dst.c != graph_.map(dst).c || kept(dst))
        return nullptr;
    auto* conv = graph_.nodes.back().as<Conv>();
    return conv == nullptr || conv->relu || conv->activation ? nullptr : conv;
}

/// Likewise of an affine without ReLU.
Affine* Builder::open_affine(const Value& dst) {
    if (graph_.nodes.empty() || graph_.nodes.back().dst != dst || kept(dst)) return nullptr;
    auto* affine = graph_.nodes.back().as<Affine>();
    return affine == nullptr || affine->relu ? nullptr : affine;
}

/// The node added last has taken in another operator. Its result moves to a new buffer, so that who reads the old one
/// is found out.
Value Builder::moved_result() {
    Node& node = graph_.nodes.back();
    const Buffer map = graph_.map(node.dst);
    node.dst = new_value(map.h, map.w, map.c);
    return node.dst;
}

/// If the node added last is an affine with ReLU that makes `src`, takes it out and returns what it reads; else returns
/// `src`.
Value Builder::take_affine(const Value& src, std::optional<Prologue>& prologue) {
    if (graph_.nodes.empty() || graph_.nodes.back().dst != src || kept(src)) return src;
    auto* taken = graph_.nodes.back().as<Affine>();
    if (taken == nullptr || !taken->relu) return src;
    prologue = Prologue{std::move(taken->scale), std::move(taken->shift)};
    const Value from = graph_.nodes.back().src;
    graph_.nodes.pop_back();
    return from;
}

/// If the node added last is a 1x1 convolution that makes `src` and does nothing else, takes it out: a mean of its
/// results is its result of a mean, which is fewer pixels.
std::optional<Builder::Pointwise> Builder::take_pointwise(const Value& src) {
    Conv* conv = open_conv(src);
    if (conv == nullptr || conv->residual || conv->activation || conv->weights.dim(2) != 1 ||
        conv->weights.dim(3) != 1 || conv->window.padded() || conv->window.stride_h != 1 || conv->window.stride_w != 1)
        return {};
    Node& node = graph_.nodes.back();
    Pointwise taken{std::move(node.name), node.src, std::move(*conv)};
    graph_.nodes.pop_back();
    return taken;
}

Value Builder::windowed(std::string name, const Value& src, const Tensor& weights, const Tensor& bias,
                        const ConvWindow& window, const std::optional<Value>& dst) {
    Conv conv;
    conv.weights = weights.contiguous();
    conv.window = window;
    conv.bias = bias_of(bias, conv.weights.dim(0));
    const Value from = take_affine(src, conv.prologue);
    const Buffer& map = graph_.map(from);
    const auto g = conv_geometry(map, from.c, conv.weights, window, 1);
    const Value to = dst ? *dst : new_value(g.oh(), g.ow(), g.oc);
    return push(std::move(name), from, to, std::move(conv));
}

Value Builder::linear(std::string name, const Value& src, const Tensor& weights, const Tensor& bias) {
    Conv conv;
    const Value from = take_affine(src, conv.prologue);
    const Buffer& map = graph_.map(from);
    const std::int64_t out = weights.dim(0);
    conv.weights = weights.contiguous().reshape({out, from.c, map.h, map.w});
    conv.bias = bias_of(bias, out);
    return push(std::move(name), from, new_value(1, 1, out), std::move(conv));
}

Value Builder::batch_norm(std::string name, const Value& src, const BatchNormParameters& norm, double eps, bool relu) {
    std::vector<double> scale, shift;
    for (std::int64_t i = 0; i < norm.gamma.elements(); ++i) {
        scale.push_back(double{norm.gamma.data<float>()[i]} /
                        std::sqrt(double{norm.running_variance.data<float>()[i]} + eps));
        shift.push_back(double{norm.beta.data<float>()[i]} - double{norm.running_mean.data<float>()[i]} * scale.back());
    }
    return affine(std::move(name), src, scale, shift, relu);
}

Value Builder::affine(std::string name, const Value& src, const std::vector<double>& scale,
                      const std::vector<double>& shift, bool with_relu) {
    if (std::ssize(scale) != src.c || std::ssize(shift) != src.c)
        throw UsageError("[graph] " + name + ": wanted factors of " + std::to_string(src.c) + " channels, got " +
                         std::to_string(scale.size()) + " and " + std::to_string(shift.size()));
    if (Conv* conv = open_conv(src); conv != nullptr && !conv->residual) {
        fold(scale, shift, *conv);
        conv->relu = with_relu;
        return moved_result();
    }
    if (Affine* before = open_affine(src)) {
        for (std::size_t i = 0; i < scale.size(); ++i) {
            before->shift[i] = static_cast<float>(double{before->shift[i]} * scale[i] + shift[i]);
            before->scale[i] = static_cast<float>(double{before->scale[i]} * scale[i]);
        }
        before->relu = with_relu;
        return moved_result();
    }
    const Buffer map = graph_.map(src);
    return append(std::move(name), src, map.h, map.w, src.c, Affine{rounded(scale), rounded(shift), with_relu});
}

Value Builder::relu(const Value& src) {
    if (Conv* conv = open_conv(src)) {
        conv->relu = true;
        return moved_result();
    }
    Node* last = graph_.nodes.empty() ? nullptr : &graph_.nodes.back();
    if (Add* sum = last != nullptr && last->dst == src && !kept(src) ? last->as<Add>() : nullptr;
        sum != nullptr && !sum->relu) {
        sum->relu = true;
        return moved_result();
    }
    if (Affine* affine = open_affine(src)) {
        affine->relu = true;
        return moved_result();
    }
    const Buffer map = graph_.map(src);
    const auto c = static_cast<std::size_t>(src.c);
    return append("relu", src, map.h, map.w, src.c, Affine{std::vector<float>(c, 1), std::vector<float>(c, 0), true});
}

Value Builder::activation(std::string name, const Value& src, const kernels::Activation& any) {
    using kernels::ActivationKind;
    kernels::Activation activation = any;
    if (any.kind == ActivationKind::clip) {
        constexpr float kMost = std::numeric_limits<float>::max();
        if (any.alpha < -kMost && any.beta > kMost) return src;
        if (any.alpha == 0 && any.beta > kMost) return relu(src);
        activation.alpha = std::max(any.alpha, -kMost);
        activation.beta = std::min(any.beta, kMost);
    }
    if (any.kind == ActivationKind::none) return src;
    if (any.kind == ActivationKind::relu) return relu(src);
    if (Conv* conv = open_conv(src)) {
        conv->activation = activation;
        return moved_result();
    }
    const Buffer map = graph_.map(src);
    return append(std::move(name), src, map.h, map.w, src.c, Activate{activation});
}

Value Builder::add(std::string name, const Value& a, const Value& b) {
    for (const auto& [branch, residual] : {std::pair(a, b), std::pair(b, a)}) {
        Conv* conv = branch == residual ? nullptr : open_conv(branch);
        if (conv == nullptr || conv->residual) continue;
        conv->residual = residual;
        return moved_result();
    }
    const Buffer map = graph_.map(a);
    return append(std::move(name), a, map.h, map.w, a.c, Add{b});
}

Value Builder::pool(std::string name, PoolKind kind, const PoolOptions& window, const Value& src, std::int64_t h,
                    std::int64_t w, std::optional<Prologue> prologue) {
    Pool pool{kind, window, std::move(prologue)};
    const Value from = pool.prologue ? src : take_affine(src, pool.prologue);
    return append(std::move(name), from, h, w, from.c, std::move(pool));
}

Value Builder::max_pool(std::string name, const Value& src, const PoolOptions& window) {
    const Buffer map = graph_.map(src);
    if (!window.fits(map.h, map.w)) return src;
    return pool(std::move(name), PoolKind::max, window, src, window.extent(map.h), window.extent(map.w));
}

Value Builder::avg_pool(std::string name, const Value& src, const PoolOptions& window) {
    const Buffer map = graph_.map(src);
    if (!window.fits(map.h, map.w)) return src;
    if (window.pad == 0)
        if (auto conv = take_pointwise(src)) {
            const Value pooled = pool(std::move(name), PoolKind::average, window, conv->src, window.extent(map.h),
                                      window.extent(map.w), std::exchange(conv->op.prologue, {}));
            return append(std::move(conv->name), pooled, window.extent(map.h), window.extent(map.w), src.c,
                          std::move(conv->op));
        }
    return pool(std::move(name), PoolKind::average, window, src, window.extent(map.h), window.extent(map.w));
}

Value Builder::adaptive_avg_pool(const Value& src, std::int64_t h, std::int64_t w) {
    const Buffer map = graph_.map(src);
    if (map.h == h && map.w == w) return src;
    return pool("adaptive_avg_pool", PoolKind::adaptive_average, {}, src, h, w);
}

void Builder::widen(const Value& src, std::int64_t capacity) {
    Buffer& buffer = graph_.buffers[static_cast<std::size_t>(src.buffer)];
    if (src.buffer == graph_.src.buffer || src.c != buffer.c || capacity < buffer.c)
        throw UsageError("[graph] widen: wanted the whole of a buffer that a node made");
    buffer.c = capacity;
}

Value Builder::room_behind(const Value& src, std::int64_t count) const {
    const std::int64_t room = graph_.map(src).c - src.first - src.c;
    if (count > room)
        throw UsageError("[graph] room_behind: wanted " + std::to_string(count) + " channels, there is room for " +
                         std::to_string(room));
    return {src.buffer, src.first + src.c, count};
}

Graph Builder::finish(const Value& dst) {
    graph_.dst = dst;
    check_structure(graph_);
    place_concats(graph_);
    reuse_buffers(graph_);
    drop_unused_buffers(graph_);
    return std::move(graph_);
}

}  // namespace keel::graph
