#include "embed/loaded_model.h"

#include <unordered_map>

#include <fmt/core.h>

#include "embed/foreign_weights.h"
#include "embed/weights/names.h"
#include "embed/weights/torch_file.h"
#include "engine/ema.h"
#include "engine/optimizer.h"
#include "graph/build/graph_file.h"

namespace keel {
namespace {

constexpr const char* kReadAs = "keel.read_as";  // of weights of another program; not stored in files

/// Weights that are no checkpoint of Keel become one of the model that their tensors are of.
CheckpointState adopted(TensorFile file, std::string how, const std::filesystem::path& path) {
    if (const std::string names = use_torchvision_names(file.tensors); !names.empty())
        how += (how.empty() ? "" : ", ") + names;
    const auto spec = guess_spec(file.tensors);
    if (!spec)
        throw InputError(fmt::format("[checkpoint] {} {} no checkpoint of Keel: {}", path.string(),
                                     is_torch_file(path) ? "is" : "is a safetensors file, but",
                                     misfit_text(file.tensors)));
    write_spec(*spec, file.metadata);
    file.metadata[kReadAs] = how;
    return file;
}

/// The tensors that models are made of, of a file of any kind; `how` they were found in it.
TensorFile read_tensors(const std::filesystem::path& path, std::string& how, const std::string& key = {}) {
    if (!is_torch_file(path)) {
        if (!key.empty())
            throw UsageError(fmt::format("[import] {} has no keys: only files of torch.save have", path.string()));
        return read_safetensors(path, [](const std::string& name) { return !is_optimizer_state(name); });
    }
    TorchFile file = read_torch_file(path, key);
    if (!file.taken_from.empty()) how = "of the key " + file.taken_from;
    for (const std::string& other : file.other) how += fmt::format(" and not {}", other);
    return {{}, std::move(file.tensors)};
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
        weights.push_back({entry.name, average == averages.end() ? entry.tensor : average->second});
    }
    return weights;
}

CheckpointState load_model_state(const std::filesystem::path& checkpoint, const std::string& key) {
    std::string how;
    TensorFile file = read_tensors(checkpoint, how, key);
    if (is_checkpoint(file)) return checked_checkpoint(std::move(file), checkpoint);
    file.tensors = model_weights(file.tensors);
    return adopted(std::move(file), std::move(how), checkpoint);
}

std::string read_as(const CheckpointState& state) {
    const auto how = state.metadata.find(kReadAs);
    return how == state.metadata.end() ? "" : how->second;
}

std::vector<NamedTensor> read_model_weights(const std::filesystem::path& path) {
    std::string how;
    std::vector<NamedTensor> weights = model_weights(read_tensors(path, how).tensors);
    use_torchvision_names(weights);
    return weights;
}

ModelSpec read_model_spec(const std::filesystem::path& checkpoint) {
    if (is_torch_file(checkpoint)) return load_model(checkpoint).spec;
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
    loaded.spec.read_as = read_as(state);
    loaded.module = make_blank_model(loaded.spec.name, loaded.spec.options);
    load_into(loaded.module->state(), model_weights(state.tensors), checkpoint.string(),
              {.skip_foreign = loaded.spec.guessed, .share = true});
    loaded.module->train(false);
    return loaded;
}

}  // namespace keel
