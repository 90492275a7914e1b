// A network to quantize.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "embed/predictor.h"
#include "graph/build/trace.h"
#include "graph/quantize/quantize.h"
#include "models/random_training.h"
#include "tests/models/golden/draws.h"
#include "tests/models/narrow.h"

namespace keel::test {

/// A graph file's metadata: what the model is, and notes.
inline std::map<std::string, std::string> metadata_of(const ModelSpec& spec,
                                                      std::map<std::string, std::string> notes = {}) {
    write_spec(spec, notes);
    return notes;
}

/// A model with weights and statistics like a trained one's, and images; a VGG is a narrow one.
struct Network {
    static ModelOptions options_of(const std::string& name, const ModelOptions& options) {
        return name.starts_with("vgg") ? narrow(name, options) : options;
    }
    Network(const std::string& name, std::int64_t image_size, bool small_stem = false)
        : spec{.name = name,
               .options = options_of(name, {.classes = 5, .small_stem = small_stem}),
               .image_size = image_size,
               .mean = {0.5F},
               .std = {0.25F},
               .multi_label = true,
               .label_names = {"a", "b", "c", "d", "e"}},
          module(find_model(name).make(spec.options)) {
        for (const auto& [state, tensor] : module->state()) tensor.assign(golden::state_values(state, tensor.dims()));
        module->train(false);
        graph = graph::trace(*module, image_size, image_size, 3);
        for (std::uint64_t i = 1; i <= 3; ++i) batches.push_back(random_images(4, image_size, 3, i));
    }
    Quantized quantized(const QuantizeOptions& options = {.method = RangeMethod::minmax}) const {
        return quantize(graph, batches, options);
    }
    std::vector<float> logits(const graph::Graph& of, const Tensor& images) const {
        const Tensor values = Predictor(spec, of, images.dim(0)).logits(images);
        return {values.values<float>().begin(), values.values<float>().end()};
    }

    ModelSpec spec;
    std::unique_ptr<nn::Module> module;
    graph::Graph graph;
    std::vector<Tensor> batches;
};

}  // namespace keel::test
