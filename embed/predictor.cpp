#include "embed/predictor.h"

#include <utility>

#include "embed/loaded_model.h"
#include "graph/build/trace.h"

namespace keel {
namespace {

graph::Graph graph_of(const ModelSpec& spec, nn::Module& module) {
    return graph::trace(module, spec.image_size, spec.image_size, spec.options.channels);
}

graph::Graph checked(const ModelSpec& spec, graph::Graph graph) {
    check(graph);
    const graph::Buffer images{spec.image_size, spec.image_size, spec.options.channels},
        logits{1, 1, spec.options.classes};
    if (graph.map(graph.src) != images || graph.map(graph.dst) != logits)
        throw UsageError("[predictor] the graph is not one of images of " + std::to_string(images.h) + "x" +
                         std::to_string(images.w) + "x" + std::to_string(images.c) + " and " +
                         std::to_string(logits.c) + " classes");
    return graph;
}

/// That images of a file's size do not fit its model, or the graph not its spec, is the file's fault.
template <class Make>
auto blamed_on(const std::filesystem::path& checkpoint, const Make& make) {
    try {
        return make();
    } catch (const UsageError& error) {
        throw InputError("[checkpoint] " + checkpoint.string() + ": " + error.what());
    }
}

Predictor predictor_of(const std::filesystem::path& checkpoint, std::int64_t batch) {
    LoadedGraph loaded = load_graph(checkpoint);
    return blamed_on(checkpoint, [&] { return Predictor(std::move(loaded.spec), std::move(loaded.graph), batch); });
}

}  // namespace

Predictor::Predictor(ModelSpec spec, graph::Graph graph, std::int64_t batch)
    : spec_(std::move(spec)), runtime_(checked(spec_, std::move(graph)), batch) {}

Predictor::Predictor(ModelSpec spec, nn::Module& module, std::int64_t batch)
    : Predictor(spec, graph_of(spec, module), batch) {}

Predictor::Predictor(const std::filesystem::path& checkpoint, std::int64_t batch)
    : Predictor(predictor_of(checkpoint, batch)) {}

Tensor Predictor::logits(const Tensor& images) const {
    const auto size = spec_.image_size, channels = spec_.options.channels;
    const std::int64_t n = images && images.rank() == 4 ? images.dim(0) : -1;
    if (n < 0 || images.dims() != Dims{n, size, size, channels})
        throw UsageError("[predictor] wanted images of dims [n, " + std::to_string(size) + ", " + std::to_string(size) +
                         ", " + std::to_string(channels) + "], got " + (images ? images.dims().text() : "none"));
    if (images.dtype() != DType::f32)
        throw UsageError("[predictor] wanted f32 images, got " + std::string(name(images.dtype())));
    const Tensor src = images.contiguous();
    Tensor dst = Tensor::empty({n, runtime_.graph().dst.c});
    if (n > 0) runtime_.run(n, src.data<float>(), dst.data<float>());
    return dst;
}

}  // namespace keel
