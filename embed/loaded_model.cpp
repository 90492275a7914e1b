#include "embed/loaded_model.h"

#include <unordered_map>

#include "embed/foreign_weights.h"
#include "engine/ema.h"
#include "engine/optimizer.h"
#include "graph/build/graph_file.h"

namespace keel {
namespace {

/// A dense layer's own layers, "norm.1" to "conv.2", once had a dot in their names.
std::string current_name(std::string name) {
    const std::size_t layer = name.find(".denselayer");
    if (layer == std::string::npos) return name;
    for (const char* old : {".norm.1.", ".norm.2.", ".conv.1.", ".conv.2."})
        if (const std::size_t at = name.find(old, layer); at != std::string::npos) return name.erase(at + 5, 1);
    return name;
}

}  // namespace

std::vector<NamedTensor> model_weights(const std::vector<NamedTensor>& tensors) {
    constexpr std::size_t kPrefix = std::char_traits<char>::length("ema.");
    std::unordered_map<std::string, Tensor> averages;
    for (const NamedTensor& entry : tensors)
        if (is_ema_state(entry.name)) averages.emplace(entry.name.substr(kPrefix), entry.tensor);
    std::vector<NamedTensor> weights;
    for (const NamedTensor& entry : tensors) {
        if (is_ema_state(entry.name)) continue;
        const auto average = averages.find(entry.name);
        weights.push_back({current_name(entry.name), average == averages.end() ? entry.tensor : average->second});
    }
    return weights;
}

CheckpointState load_model_state(const std::filesystem::path& checkpoint) {
    TensorFile file = read_safetensors(checkpoint, [](const std::string& name) { return !is_optimizer_state(name); });
    if (!is_checkpoint(file)) {
        file.tensors = model_weights(file.tensors);
        drop_common_prefix(file.tensors);
        if (const auto spec = guess_spec(file.tensors)) {
            write_spec(*spec, file.metadata);
            return file;
        }
    }
    return checked_checkpoint(std::move(file), checkpoint);
}

ModelSpec read_model_spec(const std::filesystem::path& checkpoint) {
    const auto metadata = read_metadata(checkpoint);
    return is_checkpoint({metadata, {}}) ? read_spec(metadata, checkpoint.string()) : load_model(checkpoint).spec;
}

LoadedModel load_model(const std::filesystem::path& checkpoint) {
    return load_model(load_model_state(checkpoint), checkpoint);
}

LoadedModel load_model(CheckpointState state, const std::filesystem::path& checkpoint) {
    if (holds_graph(state.metadata))
        throw InputError(
            "[checkpoint] " + checkpoint.string() +
            " is a quantized model: it predicts, but has no layers to train, quantize or explain; wanted the "
            "checkpoint that it was made of");
    LoadedModel loaded{read_spec(state.metadata, checkpoint.string()), nullptr};
    loaded.spec.guessed = !is_checkpoint(state);
    loaded.module = make_blank_model(loaded.spec.name, loaded.spec.options);
    load_into(loaded.module->state(), model_weights(state.tensors), checkpoint.string(),
              {.skip_foreign = loaded.spec.guessed, .share = true});
    loaded.module->train(false);
    return loaded;
}

}  // namespace keel
