#include "models/predictor.h"

#include <utility>

#include "models/graph_builder.h"
#include "models/loaded_model.h"

namespace keel {
namespace {

graph::Graph graph_of(const ModelSpec& spec, nn::Module& module) {
    return graph::trace(module, spec.image_size, spec.image_size, spec.options.channels);
}

Predictor predictor_of(LoadedModel&& model, std::int64_t batch) { return {std::move(model.spec), *model.module, batch}; }

}  // namespace

Predictor::Predictor(ModelSpec spec, nn::Module& module, std::int64_t batch)
    : spec_(std::move(spec)), runtime_(graph_of(spec_, module), batch) {}

Predictor::Predictor(const std::filesystem::path& checkpoint, std::int64_t batch)
    : Predictor(predictor_of(load_model(checkpoint), batch)) {}

Tensor Predictor::logits(const Tensor& images) const {
    const auto size = spec_.image_size, channels = spec_.options.channels;
    const std::int64_t n = images && images.rank() == 4 ? images.dim(0) : -1;
    if (n < 0 || images.dims() != Dims{n, size, size, channels})
        throw UsageError("[predictor] wanted images of dims [n, " + std::to_string(size) + ", " + std::to_string(size) + ", " +
                         std::to_string(channels) + "], got " + (images ? images.dims().text() : "none"));
    if (images.dtype() != DType::f32) throw UsageError("[predictor] wanted f32 images, got " + std::string(name(images.dtype())));
    const Tensor src = images.contiguous();
    Tensor dst = Tensor::empty({n, runtime_.graph().dst.c});
    if (n > 0) runtime_.run(n, src.data<float>(), dst.data<float>());
    return dst;
}

}  // namespace keel
