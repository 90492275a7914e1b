#include "models/summary.h"

#include <unordered_map>

#include "engine/autograd.h"

namespace keel {

ModelSummary summarize(nn::Module& model, std::int64_t channels, std::int64_t image_size) {
    std::unordered_map<const nn::Module*, std::string> names;
    model.for_each([&](const std::string& name, nn::Module& module) { names.emplace(&module, name); });
    ModelSummary summary;
    {
        const nn::ObserverScope observe([&](const nn::ModuleCall& call) {
            if (call.module.has_children()) return;
            LayerSummary layer{names.at(&call.module), call.module.describe(), call.dst.dims()};
            for (const NamedTensor& parameter : call.module.parameters())
                layer.parameters += parameter.tensor.elements();
            layer.macs = call.module.macs(call.src, call.dst);
            // A layer that passes its input on (pooling of a tiny map, dropout in evaluation) makes nothing new.
            if (!call.dst.same_memory(call.src))
                layer.activation_bytes = call.dst.elements() * std::int64_t{sizeof(float)};
            summary.layers.push_back(std::move(layer));
        });
        const NoGrad no_grad;
        const bool training = model.training();
        model.train(false);
        model(Tensor::zeros({1, image_size, image_size, channels}));
        model.train(training);
    }
    for (const LayerSummary& layer : summary.layers) {
        summary.parameters += layer.parameters;
        summary.macs += layer.macs;
        summary.activation_bytes += layer.activation_bytes;
    }
    return summary;
}

}  // namespace keel
