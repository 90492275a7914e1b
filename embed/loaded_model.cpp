#include "embed/loaded_model.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "embed/model_part.h"
#include "embed/onnx_file.h"
#include "embed/weights/shards.h"
#include "embed/weights/torch_file.h"
#include "embed/weights/weight_files.h"
#include "engine/ema.h"
#include "graph/build/graph_file.h"
#include "graph/build/trace.h"
#include "graph/onnx/file.h"
#include "kernels/cpu.h"

namespace keel {
namespace {

// of weights of another program; not stored in files
constexpr const char *kReadAs = "keel.read_as", *kProbabilities = "keel.probabilities", *kSays = "keel.says";

std::string text_of(const ModelPart& part, std::string how) {
    constexpr std::size_t kShown = 50;
    if (!part.how.empty()) how += (how.empty() ? "" : ", ") + part.how;
    if (part.left_out.empty()) return how;
    how += how.empty() ? "left out: " : "; left out: ";
    for (std::size_t i = 0; i < std::min(part.left_out.size(), kShown); ++i)
        how += (i > 0 ? ", " : "") + part.left_out[i];
    return part.left_out.size() <= kShown ? how : fmt::format("{} and {} more", how, part.left_out.size() - kShown);
}

/// Weights that are no checkpoint of Keel become one of the model that their tensors are of.
CheckpointState adopted(WeightFile weights, const std::filesystem::path& path) {
    ModelPart part;
    try {
        part = find_model_part(std::move(weights.file.tensors), weights.below);
    } catch (const InputError& error) {
        throw InputError(fmt::format("[checkpoint] {}: {}", path.string(), error.what()));
    }
    if (!part.spec)
        throw InputError(fmt::format("[checkpoint] {} {} no checkpoint of Keel: {}", path.string(),
                                     is_shard_index(path) || is_torch_file(path) ? "is" : "is a safetensors file, but",
                                     part.misfit));
    CheckpointState state{std::move(weights.file.metadata), std::move(part.weights)};
    write_spec(*part.spec, state.metadata);
    state.metadata[kReadAs] = text_of(part, std::move(weights.how));
    return state;
}

/// What a model's state says of it, and how much of that was guessed.
ModelSpec spec_of(const CheckpointState& state, const std::filesystem::path& checkpoint) {
    ModelSpec spec = read_spec(state.metadata, checkpoint.string());
    spec.guessed = !is_checkpoint(state) && !state.metadata.contains(kSays);
    spec.read_as = read_as(state);
    return spec;
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
    return load_model_state(std::span(&checkpoint, 1), key);
}

CheckpointState load_model_state(std::span<const std::filesystem::path> files, const std::string& key,
                                 std::int64_t image_size) {
    active_isa();  // what is wrong with KEEL_ISA is no fault of a file
    if (files.size() == 1 && onnx::is_onnx_file(files.front())) {
        if (!key.empty())
            throw UsageError(fmt::format("[import] {} is an ONNX model, which has no keys", files.front().string()));
        OnnxState read = read_onnx(files.front(), image_size);
        if (read.says) read.state.metadata[kSays] = "yes";
        if (read.gives_probabilities) read.state.metadata[kProbabilities] = "yes";
        read.state.metadata[kReadAs] = fmt::format("{}", fmt::join(read.notes, "; "));
        return std::move(read.state);
    }
    WeightFile weights = read_weights(files, key);
    const std::filesystem::path& first = files.front();
    if (!is_checkpoint(weights.file)) return adopted(std::move(weights), first);
    if (!key.empty())
        throw UsageError(fmt::format("[import] {} is a checkpoint of Keel, which has no keys", first.string()));
    return checked_checkpoint(std::move(weights.file), first);
}

std::string read_as(const CheckpointState& state) {
    const auto how = state.metadata.find(kReadAs);
    return how == state.metadata.end() ? "" : how->second;
}

bool gives_probabilities(const CheckpointState& state) { return state.metadata.contains(kProbabilities); }

std::vector<NamedTensor> read_model_weights(const std::filesystem::path& path, std::vector<std::string>* left_out) {
    if (onnx::is_onnx_file(path)) {
        OnnxState read = read_onnx(path);
        if (holds_graph(read.state.metadata))
            throw InputError("[checkpoint] " + path.string() +
                             " is none of Keel's models, whose weights it could give");
        return std::move(read.state.tensors);
    }
    WeightFile weights = read_weights(std::span(&path, 1));
    if (is_checkpoint(weights.file)) return model_weights(weights.file.tensors);
    ModelPart part = find_model_part(std::move(weights.file.tensors));
    if (left_out != nullptr) left_out->insert(left_out->end(), part.left_out.begin(), part.left_out.end());
    return std::move(part.weights);
}

ModelSpec read_model_spec(const std::filesystem::path& checkpoint) { return open_model(checkpoint).spec; }

std::optional<ModelSpec> spec_in_header(const std::filesystem::path& file) {
    if (onnx::is_onnx_file(file)) return std::nullopt;
    const auto metadata = read_weights_metadata(file);
    return is_checkpoint({metadata, {}}) ? std::optional(read_spec(metadata, file.string())) : std::nullopt;
}

OpenedModel open_model(const std::filesystem::path& checkpoint) {
    if (auto spec = spec_in_header(checkpoint)) return {checkpoint, std::move(*spec)};
    CheckpointState state = load_model_state(checkpoint);
    ModelSpec spec = spec_of(state, checkpoint);
    return {checkpoint, std::move(spec), std::move(state)};
}

LoadedModel load_model(const std::filesystem::path& checkpoint) {
    return load_model(load_model_state(checkpoint), checkpoint);
}

LoadedModel load_model(CheckpointState state, const std::filesystem::path& checkpoint) {
    if (holds_graph(state.metadata))
        throw InputError(
            "[checkpoint] " + checkpoint.string() +
            " is a graph, as quantized models and other programs' are: it predicts, but has no layers to train or "
            "explain; wanted a checkpoint of layers");
    LoadedModel loaded{spec_of(state, checkpoint), nullptr};
    loaded.module = make_blank_model(loaded.spec.name, loaded.spec.options);
    load_into(loaded.module->state(), model_weights(state.tensors), checkpoint.string(), {.share = true});
    loaded.module->train(false);
    return loaded;
}

LoadedGraph load_graph(const std::filesystem::path& checkpoint) {
    return load_graph(load_model_state(checkpoint), checkpoint);
}

LoadedGraph load_graph(CheckpointState state, const std::filesystem::path& checkpoint) {
    if (holds_graph(state.metadata)) return {spec_of(state, checkpoint), read_graph(state, checkpoint.string())};
    const LoadedModel model = load_model(std::move(state), checkpoint);
    const ModelSpec& spec = model.spec;
    try {
        LoadedGraph traced{spec, graph::trace(*model.module, spec.image_size, spec.image_size, spec.options.channels)};
        check(traced.graph);  // folding may leave the range of floats
        return traced;
    } catch (const UsageError& error) {  // that images of the file's size do not fit its model is the file's fault
        throw InputError("[checkpoint] " + checkpoint.string() + ": " + error.what());
    }
}

}  // namespace keel
