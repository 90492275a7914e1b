#include "embed/recognize.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <tuple>

#include "engine/nn/layers.h"
#include "graph/build/trace.h"
#include "graph/ops/affine.h"
#include "graph/ops/conv.h"
#include "graph/runtime.h"

namespace keel {
namespace {

using graph::Graph;
using graph::Node;

/// A node with weights, as two graphs of one model have it in common: how far it is from the images, and its extents.
/// Which of two branches takes their sum in, and the ReLU after it, is a matter of their order.
struct Layer {
    int depth;
    std::vector<std::int64_t> extents;
    const Node* node;
    auto operator<=>(const Layer& other) const {
        return std::tie(depth, extents) <=> std::tie(other.depth, other.extents);
    }
    bool operator==(const Layer& other) const { return depth == other.depth && extents == other.extents; }
};

/// The nodes with weights by how far they are from the images, which does not depend on the order of branches.
std::vector<Layer> layers_of(const Graph& graph) {
    std::vector<int> depth(graph.buffers.size(), 0);
    std::vector<Layer> layers;
    for (const Node& node : graph.nodes) {
        const int own = 1 + depth[static_cast<std::size_t>(node.src.buffer)];
        int made = own;
        for_each_read(node, [&](const graph::Value& value, std::string_view) {
            made = std::max(made, depth[static_cast<std::size_t>(value.buffer)] + (value == node.src ? 1 : 0));
        });
        int& to = depth[static_cast<std::size_t>(node.dst.buffer)];
        to = std::max(to, made);
        if (const auto* conv = node.as<graph::Conv>()) {
            const graph::ConvWindow& w = conv->window;
            std::vector<std::int64_t> extents(conv->weights.dims().begin(), conv->weights.dims().end());
            extents.insert(extents.end(), {w.stride_h, w.stride_w, w.top, w.left, w.bottom, w.right, w.dilation_h,
                                           w.dilation_w, w.groups, conv->prologue.has_value()});
            layers.push_back({own, std::move(extents), &node});
        } else if (node.as<graph::Affine>() != nullptr || node.op.prologue() != nullptr) {
            layers.push_back({own, {node.src.c, node.op.prologue() != nullptr}, &node});
        }
    }
    std::ranges::stable_sort(layers, {}, [](const Layer& l) { return std::tie(l.depth, l.extents); });
    return layers;
}

/// The extents of all weights of four and two dims, sorted: what two states of one model have in common.
std::vector<std::vector<std::int64_t>> weight_extents(const std::vector<NamedTensor>& state) {
    std::vector<std::vector<std::int64_t>> all;
    for (const NamedTensor& entry : state) {
        if (entry.tensor.rank() != 4 && entry.tensor.rank() != 2) continue;
        std::vector<std::int64_t> dims(entry.tensor.dims().begin(), entry.tensor.dims().end());
        if (dims.size() == 2) dims = {dims[0], dims[1], 1, 1};
        all.push_back(std::move(dims));
    }
    std::ranges::sort(all);
    return all;
}

std::vector<std::vector<std::int64_t>> weight_extents(const Graph& graph) {
    std::vector<std::vector<std::int64_t>> all;
    for (const Node& node : graph.nodes) {
        const auto* conv = node.as<graph::Conv>();
        if (conv == nullptr) continue;
        std::vector<std::int64_t> dims(conv->weights.dims().begin(), conv->weights.dims().end());
        const graph::Buffer& map = graph.map(node.src);
        // a linear layer is a convolution as large as its map
        const graph::Buffer& to = graph.map(node.dst);
        if (to.h * to.w == 1 && dims[2] == map.h && dims[3] == map.w && !conv->window.padded())
            dims = {dims[0], dims[1] * dims[2] * dims[3], 1, 1};
        all.push_back(std::move(dims));
    }
    std::ranges::sort(all);
    return all;
}

/// A model whose i-th batch norm adds i + 1 to its input and does nothing else: the traced graph shows where it went.
struct Marked {
    std::unique_ptr<nn::Module> module;
    std::vector<std::string> norms{};  ///< names, with the dot at their end
};

Marked marked(const std::string& name, const ModelOptions& options) {
    Marked result{make_blank_model(name, options)};
    for (const NamedTensor& entry : result.module->state()) {
        const Tensor& t = entry.tensor;
        constexpr std::string_view kMean = "running_mean";
        if (entry.name.ends_with(kMean)) result.norms.push_back(entry.name.substr(0, entry.name.size() - kMean.size()));
        t.assign(Tensor::zeros(t.dims(), t.dtype()));
    }
    for (const NamedTensor& entry : result.module->state())
        for (std::size_t i = 0; i < result.norms.size(); ++i) {
            const std::string& norm = result.norms[i];
            if (!entry.name.starts_with(norm)) continue;
            const std::string part = entry.name.substr(norm.size());
            const double value = part == "bias" ? static_cast<double>(i + 1) : part == "running_mean" ? 0.0 : 1.0;
            if (part == "bias" || part == "weight" || part == "running_mean" || part == "running_var")
                entry.tensor.assign(Tensor::full(entry.tensor.dims(), value, entry.tensor.dtype()));
        }
    result.module->train(false);
    return result;
}

class Filling {
public:
    explicit Filling(Marked& marked) : marked_(marked) {
        for (const NamedTensor& entry : marked.module->state()) tensors_.emplace(entry.name, entry.tensor);
    }

    /// Takes the numbers of a layer of the graph for that of the model; false where they do not fit.
    bool take(const Node& model, const Node& from) {
        if (const auto* affine = from.as<graph::Affine>())
            return set_norm(model.as<graph::Affine>()->shift, affine->scale, affine->shift);
        const graph::Prologue *before = from.op.prologue(), *mark = model.op.prologue();
        if (mark != nullptr && !set_norm(mark->shift, before->scale, before->shift)) return false;
        const auto *conv = from.as<graph::Conv>(), *like = model.as<graph::Conv>();
        if (like == nullptr) return true;  // a pool
        const auto weights = tensors_.find(model.name + ".weight");
        if (weights == tensors_.end() || weights->second.elements() != conv->weights.elements()) return false;
        weights->second.assign(conv->weights.contiguous().reshape(weights->second.dims()));
        if (like->bias[0] >= 1) {
            const std::vector<float> ones(conv->bias.size(), 1);
            return set_norm(like->bias, ones, conv->bias);
        }
        const auto bias = tensors_.find(model.name + ".bias");
        if (bias == tensors_.end()) return std::ranges::all_of(conv->bias, [](float b) { return b == 0; });
        bias->second.assign(Tensor::from<float>(conv->bias, bias->second.dims()));
        return true;
    }

private:
    /// Makes the batch norm whose mark is `mark` one that scales and shifts.
    bool set_norm(const std::vector<float>& mark, const std::vector<float>& scale, const std::vector<float>& shift) {
        const auto which = static_cast<std::size_t>(std::lround(mark[0]));
        if (which < 1 || which > marked_.norms.size()) return false;
        const std::string& norm = marked_.norms[which - 1];
        const Tensor gamma = tensors_.at(norm + "weight"), beta = tensors_.at(norm + "bias");
        if (gamma.elements() != std::ssize(scale)) return false;
        std::vector<float> factors = scale;
        for (float& factor : factors) factor = static_cast<float>(factor * std::sqrt(1 + BatchNormOptions{}.eps));
        gamma.assign(Tensor::from<float>(factors, gamma.dims()));
        beta.assign(Tensor::from<float>(shift, beta.dims()));
        return true;
    }

    Marked& marked_;
    std::map<std::string, Tensor> tensors_;
};

std::unique_ptr<nn::Module> filled(const Graph& graph, const std::string& name, const ModelOptions& options) {
    if (weight_extents(make_blank_model(name, options)->state()) != weight_extents(graph)) return nullptr;
    Marked model = marked(name, options);
    const graph::Buffer images = graph.map(graph.src);
    const Graph traced = graph::trace(*model.module, images.h, images.w, images.c);
    const std::vector<Layer> wanted = layers_of(traced), got = layers_of(graph);
    if (wanted != got) return nullptr;
    Filling filling(model);
    for (std::size_t i = 0; i < wanted.size(); ++i)
        if (!filling.take(*wanted[i].node, *got[i].node)) return nullptr;
    return std::move(model.module);
}

}  // namespace

std::optional<Recognized> recognize(const Graph& graph, const std::optional<ModelSpec>& said) {
    ModelOptions options{.classes = graph.dst.c, .channels = graph.map(graph.src).c};
    std::optional<Recognized> found;
    const auto is = [&](const std::string& name) {
        const auto module = filled(graph, name, options);
        if (module != nullptr && computes_the_same(graph, *module)) found = Recognized{name, options, module->state()};
        return found.has_value();
    };
    for (const ModelEntry& entry : model_registry())
        for (const bool small_stem : {false, true}) {
            options.small_stem = small_stem;
            if (is(entry.name)) return found;
        }
    if (!said || said->options.widths.empty()) return std::nullopt;
    options.small_stem = said->options.small_stem;
    options.widths = said->options.widths;
    is(said->name);
    return found;
}

bool computes_the_same(const Graph& graph, nn::Module& module) {
    const graph::Buffer images = graph.map(graph.src);
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    std::vector<float> pixels(static_cast<std::size_t>(images.elements()));
    for (float& pixel : pixels) pixel = normal(random);
    std::vector<float> wanted(static_cast<std::size_t>(graph.dst.c)), got(wanted.size());
    try {
        Runtime(graph, 1).run(1, pixels.data(), wanted.data());
        Runtime(graph::trace(module, images.h, images.w, images.c), 1).run(1, pixels.data(), got.data());
    } catch (const UsageError&) {  // images that do not fit it
        return false;
    }
    double largest = 0, difference = 0;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        largest = std::max(largest, std::abs(double{wanted[i]}));
        const double apart = std::abs(double{wanted[i]} - got[i]);
        difference = std::isnan(apart) ? apart : std::max(difference, apart);
    }
    return difference <= 1e-3 * largest;
}

}  // namespace keel
