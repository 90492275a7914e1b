#include "embed/class_activation.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "engine/autograd.h"
#include "kernels/error.h"
#include "kernels/reduce/reduce.h"

namespace keel {
namespace {

/// The classifier's weights {classes, c}.
Tensor classifier_weights(const LoadedModel& model) {
    const std::string name = std::string(find_model(model.spec.name).classifier) + "weight";
    for (const NamedTensor& parameter : model.module->parameters())
        if (parameter.name == name) return parameter.tensor.contiguous();
    throw UsageError("[class_activation] " + model.spec.name + " has no parameter " + name);
}

/// Mean of each channel of a dense map: {n, h, w, c} -> {n, c}.
Tensor channel_means(const Tensor& map) {
    const std::int64_t n = map.dim(0), pixels = map.dim(1) * map.dim(2), c = map.channels();
    Tensor means = Tensor::empty({n, c});
    const float* row = map.data<float>();
    std::vector<double> sums(static_cast<std::size_t>(c));
    for (std::int64_t i = 0; i < n; ++i) {
        std::ranges::fill(sums, 0.0);
        for (std::int64_t p = 0; p < pixels; ++p, row += c)
            for (std::int64_t k = 0; k < c; ++k) sums[static_cast<std::size_t>(k)] += double{row[k]};
        for (std::int64_t k = 0; k < c; ++k)
            means.data<float>()[i * c + k] =
                static_cast<float>(sums[static_cast<std::size_t>(k)] / static_cast<double>(pixels));
    }
    return means;
}

/// dst[pixel * stride] = sum over c of weights[c] * map[pixel, c], pixel by pixel of image i of a dense map.
void weigh_channels(const Tensor& map, std::int64_t i, const float* weights, float* dst, std::int64_t stride) {
    const std::int64_t pixels = map.dim(1) * map.dim(2), c = map.channels();
    const float* row = map.data<float>() + i * pixels * c;
    for (std::int64_t p = 0; p < pixels; ++p, row += c) {
        double sum = 0;
        for (std::int64_t k = 0; k < c; ++k) sum += double{weights[k]} * double{row[k]};
        dst[p * stride] = static_cast<float>(sum);
    }
}

}  // namespace

ClassActivation::ClassActivation(LoadedModel model, const std::string& layer) : model_(std::move(model)) {
    const ModelEntry& entry = find_model(model_.spec.name);
    layer_ = layer.empty() ? entry.features : layer;
    uses_gradients_ = !layer.empty() || !entry.pooled;
    model_.module->train(false);
    model_.module->for_each([&](const std::string& name, nn::Module& module) {
        if (name == layer_) module_ = &module;
    });
    if (module_ == nullptr)
        throw UsageError("[class_activation] " + model_.spec.name + " has no layer '" + layer_ + "', keel models " +
                         model_.spec.name + " lists them");
    // With constant weights nothing is recorded before the layer's map, which begins the graph as a leaf.
    for (const NamedTensor& parameter : model_.module->parameters()) parameter.tensor.set_requires_grad(false);
}

ClassActivation::Pass ClassActivation::run(const Tensor& images) const {
    std::optional<NoGrad> no_grad;
    if (!uses_gradients_) no_grad.emplace();
    Pass pass;
    const nn::ObserverScope scope([&](const nn::ModuleCall& call) {
        if (&call.module != module_) return;
        if (call.dst.rank() != 4 || call.dst.same_view(call.src))
            throw UsageError("[class_activation] layer '" + layer_ + "' (" + module_->describe() +
                             ") makes no map of its own: wanted a convolution, a pool or a block");
        if (uses_gradients_) call.dst.set_requires_grad();
        pass.map = call.dst;
    });
    pass.logits = (*model_.module)(images);
    if (!pass.map || (uses_gradients_ && !pass.logits.requires_grad()))
        throw UsageError("[class_activation] the classifier does not depend on layer '" + layer_ + "'");
    return pass;
}

Tensor ClassActivation::channel_weights(const Pass& pass, std::int64_t label) const {
    if (!uses_gradients_) {
        const Tensor weights = classifier_weights(model_);
        const auto c = static_cast<std::size_t>(weights.dim(1));
        return Tensor::from<float>(weights.values<float>().subspan(static_cast<std::size_t>(label) * c, c),
                                   {1, weights.dim(1)});
    }
    // Images do not see each other in evaluation mode: the sum of their logits has each one's gradient.
    Tensor diff = Tensor::zeros(pass.logits.dims());
    for (std::int64_t i = 0; i < diff.dim(0); ++i) diff.data<float>()[i * diff.dim(1) + label] = 1;
    backward(pass.logits, diff);
    return channel_means(pass.map.grad().contiguous());
}

Tensor ClassActivation::maps(const Tensor& images, std::span<const std::int64_t> labels) const {
    for (const std::int64_t label : labels)
        if (label < 0 || label >= spec().options.classes)
            throw UsageError("[class_activation] wanted a label below " + std::to_string(spec().options.classes) +
                             ", got " + std::to_string(label));
    const auto count = static_cast<std::int64_t>(labels.size());
    Pass pass;
    Tensor dst, map;
    for (std::int64_t k = 0; k < count; ++k) {
        // A graph serves one pass backward.
        if (k == 0 || uses_gradients_) pass = run(images);
        if (k == 0) dst = Tensor::empty({pass.map.dim(0), pass.map.dim(1), pass.map.dim(2), count});
        const Tensor weights = channel_weights(pass, labels[static_cast<std::size_t>(k)]);
        map = pass.map.contiguous();
        const std::int64_t pixels = map.dim(1) * map.dim(2);
        for (std::int64_t i = 0; i < map.dim(0); ++i)
            weigh_channels(map, i, weights.data<float>() + (weights.dim(0) == 1 ? 0 : i * map.channels()),
                           dst.data<float>() + i * pixels * count + k, count);
    }
    for (std::int64_t i = 0; dst && i < dst.dim(0); ++i) {
        const std::int64_t each = dst.elements() / dst.dim(0);
        if (!kernels::all_finite(each, dst.data<float>() + i * each))
            throw InputError("[class_activation] image " + std::to_string(i + 1) + " of " + std::to_string(dst.dim(0)) +
                             ": its map holds NaN or infinity, as its pixels do or what the model makes of them");
    }
    return dst;
}

}  // namespace keel
