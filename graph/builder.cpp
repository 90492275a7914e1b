#include "graph/builder.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "kernels/parallel.h"

namespace keel::graph {
namespace {

/// A batch norm in evaluation mode as an affine, in double: each number is rounded once.
struct DoubleAffine {
    explicit DoubleAffine(const nn::BatchNorm2d& norm) {
        const BatchNormParameters p = norm.norm();
        const double eps = norm.norm_options().eps;
        for (std::int64_t i = 0; i < p.gamma.elements(); ++i) {
            scale.push_back(double{p.gamma.data<float>()[i]} / std::sqrt(double{p.running_variance.data<float>()[i]} + eps));
            shift.push_back(double{p.beta.data<float>()[i]} - double{p.running_mean.data<float>()[i]} * scale.back());
        }
    }
    std::vector<double> scale, shift;
};

std::vector<float> rounded(const std::vector<double>& values) { return {values.begin(), values.end()}; }

/// affine(conv(x)) as one convolution.
void fold(const DoubleAffine& affine, Conv& conv) {
    const Tensor folded = Tensor::empty(conv.weights.dims());
    const std::int64_t k = folded.elements() / folded.dim(0);
    parallel_for(folded.dim(0), 16384 / k, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t o = begin; o < end; ++o) {
            const float* from = conv.weights.data<float>() + o * k;
            float* to = folded.data<float>() + o * k;
            const double scale = affine.scale[static_cast<std::size_t>(o)];
            for (std::int64_t i = 0; i < k; ++i) to[i] = static_cast<float>(double{from[i]} * scale);
        }
    });
    conv.weights = folded;
    for (std::size_t o = 0; o < conv.bias.size(); ++o)
        conv.bias[o] = static_cast<float>(double{conv.bias[o]} * affine.scale[o] + affine.shift[o]);
}

template <class F>
void for_each_value(Node& node, F&& f) {
    f(node.src);
    if (Value* residual = residual_of(node)) f(*residual);
    f(node.dst);
}

/// Where a convolution is the last to read its residual, its result takes the residual's buffer: the sum is made in place, and one
/// map less is alive.
void reuse_residuals(Graph& graph) {
    std::vector<const Node*> last_user(graph.buffers.size());
    for (Node& node : graph.nodes)
        for_each_value(node, [&](const Value& value) { last_user[static_cast<std::size_t>(value.buffer)] = &node; });
    std::vector<int> place(graph.buffers.size());
    std::iota(place.begin(), place.end(), 0);
    for (Node& node : graph.nodes) {
        const auto* conv = std::get_if<Conv>(&node.op);
        if (conv != nullptr && conv->residual) {
            const Value& residual = *conv->residual;
            const auto from = static_cast<std::size_t>(residual.buffer), to = static_cast<std::size_t>(node.dst.buffer);
            const bool whole = residual.c == graph.map(residual).c && node.dst.c == graph.map(node.dst).c;
            if (whole && last_user[from] == &node && residual.buffer != node.src.buffer && residual.buffer != graph.src.buffer &&
                node.dst != graph.dst)
                place[to] = place[from];
        }
        for_each_value(node, [&](Value& value) { value.buffer = place[static_cast<std::size_t>(value.buffer)]; });
    }
}

void drop_unused_buffers(Graph& graph) {
    std::vector<int> place(graph.buffers.size(), -1);
    std::vector<Buffer> used;
    const auto keep = [&](Value& value) {
        int& now = place[static_cast<std::size_t>(value.buffer)];
        if (now < 0) {
            now = static_cast<int>(used.size());
            used.push_back(graph.map(value));
        }
        value.buffer = now;
    };
    keep(graph.src);
    for (Node& node : graph.nodes) for_each_value(node, keep);
    keep(graph.dst);
    graph.buffers = std::move(used);
}

}  // namespace

Builder::Builder(nn::Module& root, std::int64_t h, std::int64_t w, std::int64_t c) {
    root.for_each([&](const std::string& name, nn::Module& part) { names_.emplace(&part, name); });
    graph_.src = new_value(h, w, c);
}

std::string Builder::name_of(const nn::Module& module) const {
    const auto found = names_.find(&module);
    return found == names_.end() ? module.describe() : found->second;
}

Value Builder::new_value(std::int64_t h, std::int64_t w, std::int64_t c) {
    graph_.buffers.push_back({h, w, c});
    return {static_cast<int>(graph_.buffers.size()) - 1, 0, c};
}

Value Builder::append(std::string name, const Value& src, const Value& dst, decltype(Node::op) op) {
    graph_.nodes.push_back({std::move(name), src, dst, std::move(op)});
    return dst;
}

/// The node added last, if it is a convolution that makes `dst` and has no ReLU yet. A slice of a wider buffer has other readers.
Conv* Builder::open_conv(const Value& dst) {
    if (graph_.nodes.empty() || graph_.nodes.back().dst != dst || dst.c != graph_.map(dst).c) return nullptr;
    auto* conv = std::get_if<Conv>(&graph_.nodes.back().op);
    return conv == nullptr || conv->relu ? nullptr : conv;
}

/// The node added last has taken in another operator. Its result moves to a new buffer, so that who reads the one of before is
/// found out.
Value Builder::moved_result() {
    Node& node = graph_.nodes.back();
    const Buffer map = graph_.map(node.dst);
    node.dst = new_value(map.h, map.w, map.c);
    return node.dst;
}

/// If the node added last is an affine with ReLU that makes `src`, takes it out and returns what it reads; else `src`.
Value Builder::take_affine(const Value& src, std::optional<Affine>& before) {
    if (graph_.nodes.empty() || graph_.nodes.back().dst != src) return src;
    auto* affine = std::get_if<Affine>(&graph_.nodes.back().op);
    if (affine == nullptr || !affine->relu) return src;
    before = std::move(*affine);
    const Value from = graph_.nodes.back().src;
    graph_.nodes.pop_back();
    return from;
}

Value Builder::module(const nn::Module& module, const Value& src) {
    if (const auto* traceable = dynamic_cast<const Traceable*>(&module)) return traceable->trace(*this, src);
    if (const auto* conv_layer = dynamic_cast<const nn::Conv2d*>(&module)) return conv(*conv_layer, src);
    if (const auto* norm_layer = dynamic_cast<const nn::BatchNorm2d*>(&module)) return norm(*norm_layer, src);
    if (const auto* linear_layer = dynamic_cast<const nn::Linear*>(&module)) return linear(*linear_layer, src);
    if (const auto* pool_layer = dynamic_cast<const nn::MaxPool2d*>(&module)) return max_pool(module, pool_layer->options(), src);
    if (const auto* pool_layer = dynamic_cast<const nn::AvgPool2d*>(&module)) return avg_pool(module, pool_layer->options(), src);
    if (dynamic_cast<const nn::Relu*>(&module) != nullptr) return relu(src);
    if (dynamic_cast<const nn::Dropout*>(&module) != nullptr) return src;
    if (const auto* chain = dynamic_cast<const nn::Sequential*>(&module)) {
        Value value = src;
        for (const nn::Module* part : chain->parts()) value = this->module(*part, value);
        return value;
    }
    throw UsageError("[graph] " + name_of(module) + ": no graph of a " + module.describe());
}

Value Builder::conv(const nn::Conv2d& layer, const Value& src, const std::optional<Value>& dst) {
    Conv conv;
    conv.weights = layer.weight().contiguous();
    conv.options = layer.options();
    const auto oc = static_cast<std::size_t>(conv.weights.dim(0));
    conv.bias.resize(oc);
    if (layer.bias()) std::copy_n(layer.bias().data<float>(), oc, conv.bias.begin());
    const Value from = take_affine(src, conv.before);
    const Buffer& map = graph_.map(from);
    const auto g = conv2d_geometry(Dims{1, map.h, map.w, from.c}, conv.weights, conv.options);
    const Value to = dst ? *dst : new_value(g.oh(), g.ow(), g.oc);
    return append(name_of(layer), from, to, std::move(conv));
}

Value Builder::linear(const nn::Linear& layer, const Value& src) {
    Conv conv;
    const Value from = take_affine(src, conv.before);
    const Buffer& map = graph_.map(from);
    const std::int64_t out = layer.weight().dim(0);
    conv.weights = layer.weight().contiguous().reshape({out, from.c, map.h, map.w});
    conv.bias.assign(layer.bias().data<float>(), layer.bias().data<float>() + out);
    return append(name_of(layer), from, new_value(1, 1, out), std::move(conv));
}

Value Builder::norm(const nn::BatchNorm2d& layer, const Value& src) {
    const DoubleAffine affine(layer);
    const bool with_relu = layer.norm_options().relu;
    if (Conv* conv = open_conv(src); conv != nullptr && !conv->residual) {
        fold(affine, *conv);
        conv->relu = with_relu;
        return moved_result();
    }
    const Buffer& map = graph_.map(src);
    return append(name_of(layer), src, new_value(map.h, map.w, src.c),
                  Affine{rounded(affine.scale), rounded(affine.shift), with_relu});
}

Value Builder::relu(const Value& src) {
    if (Conv* conv = open_conv(src)) {
        conv->relu = true;
        return moved_result();
    }
    const Buffer& map = graph_.map(src);
    const auto c = static_cast<std::size_t>(src.c);
    return append("relu", src, new_value(map.h, map.w, src.c), Affine{std::vector<float>(c, 1), std::vector<float>(c, 0), true});
}

Value Builder::add(const Value& branch, const Value& residual) {
    Conv* conv = open_conv(branch);
    if (conv == nullptr || conv->residual) throw UsageError("[graph] add: wanted the convolution added last as the branch");
    conv->residual = residual;
    return moved_result();
}

Value Builder::pool(std::string name, PoolKind kind, const PoolOptions& window, const Value& src, std::int64_t h, std::int64_t w) {
    Pool pool{kind, window, {}};
    const Value from = take_affine(src, pool.before);
    return append(std::move(name), from, new_value(h, w, from.c), std::move(pool));
}

Value Builder::max_pool(const nn::Module& module, const PoolOptions& window, const Value& src) {
    const Buffer& map = graph_.map(src);
    if (!window.fits(map.h, map.w)) return src;
    return pool(name_of(module), PoolKind::max, window, src, window.extent(map.h), window.extent(map.w));
}

Value Builder::avg_pool(const nn::Module& module, const PoolOptions& window, const Value& src) {
    const Buffer& map = graph_.map(src);
    if (!window.fits(map.h, map.w)) return src;
    return pool(name_of(module), PoolKind::average, window, src, window.extent(map.h), window.extent(map.w));
}

Value Builder::adaptive_avg_pool(const Value& src, std::int64_t h, std::int64_t w) {
    const Buffer& map = graph_.map(src);
    if (map.h == h && map.w == w) return src;
    return pool("adaptive_avg_pool", PoolKind::adaptive_average, {}, src, h, w);
}

void Builder::widen(const Value& src, std::int64_t capacity) {
    Buffer& buffer = graph_.buffers[static_cast<std::size_t>(src.buffer)];
    if (src.buffer == graph_.src.buffer || src.c != buffer.c || capacity < buffer.c)
        throw UsageError("[graph] widen: wanted the whole of a buffer that a node made");
    buffer.c = capacity;
}

Value Builder::room_behind(const Value& src, std::int64_t count) const { return {src.buffer, src.first + src.c, count}; }

Graph Builder::finish(const Value& dst) {
    graph_.dst = dst;
    check(graph_);
    reuse_residuals(graph_);
    drop_unused_buffers(graph_);
    return std::move(graph_);
}

Graph trace(nn::Module& model, std::int64_t h, std::int64_t w, std::int64_t c) {
    Builder builder(model, h, w, c);
    return builder.finish(builder.module(model, builder.src()));
}

}  // namespace keel::graph
