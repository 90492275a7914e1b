#include "graph/build/trace.h"

namespace keel::graph {

Tracer::Tracer(nn::Module& root, Builder& builder) : builder_(builder) {
    root.for_each([&](const std::string& name, nn::Module& part) { names_.emplace(&part, name); });
}

std::string Tracer::name_of(const nn::Module& module) const {
    const auto found = names_.find(&module);
    return found == names_.end() ? module.describe() : found->second;
}

Value Tracer::conv(const nn::Conv2d& layer, const Value& src, const std::optional<Value>& dst) {
    return builder_.conv(name_of(layer), src, layer.weight(), layer.bias(), layer.options(), dst);
}

Value Tracer::linear(const nn::Linear& layer, const Value& src) {
    return builder_.linear(name_of(layer), src, layer.weight(), layer.bias());
}

Value Tracer::norm(const nn::BatchNorm2d& layer, const Value& src) {
    const BatchNormOptions options = layer.norm_options();
    return builder_.batch_norm(name_of(layer), src, layer.norm(), options.eps, options.relu);
}

Value Tracer::module(const nn::Module& module, const Value& src) {
    if (const auto* traceable = dynamic_cast<const Traceable*>(&module)) return traceable->trace(*this, src);
    if (const auto* layer = dynamic_cast<const nn::Conv2d*>(&module)) return conv(*layer, src);
    if (const auto* layer = dynamic_cast<const nn::BatchNorm2d*>(&module)) return norm(*layer, src);
    if (const auto* layer = dynamic_cast<const nn::Linear*>(&module)) return linear(*layer, src);
    if (const auto* layer = dynamic_cast<const nn::MaxPool2d*>(&module))
        return builder_.max_pool(name_of(module), src, layer->options());
    if (const auto* layer = dynamic_cast<const nn::AvgPool2d*>(&module))
        return builder_.avg_pool(name_of(module), src, layer->options());
    if (dynamic_cast<const nn::Relu*>(&module) != nullptr) return relu(src);
    if (dynamic_cast<const nn::Dropout*>(&module) != nullptr) return src;
    if (const auto* chain = dynamic_cast<const nn::Sequential*>(&module)) {
        Value value = src;
        for (const nn::Module* part : chain->parts()) value = this->module(*part, value);
        return value;
    }
    throw UsageError("[graph] " + name_of(module) + ": no graph of a " + module.describe());
}

Graph trace(nn::Module& model, std::int64_t h, std::int64_t w, std::int64_t c) {
    Builder builder(h, w, c);
    Tracer tracer(model, builder);
    return builder.finish(tracer.module(model, builder.src()));
}

}  // namespace keel::graph
