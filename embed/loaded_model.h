// A model as it comes from a checkpoint.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>

#include "engine/checkpoint.h"
#include "graph/graph.h"
#include "models/model_spec.h"

namespace keel {

struct LoadedModel {
    ModelSpec spec;
    std::unique_ptr<nn::Module> module;  ///< in evaluation mode
};

/// Reads a checkpoint of Keel; the averaged weights (EMA) where it holds them. Weights of another program are read,
/// too, where they are of a model in the registry: safetensors and files of torch.save, or the index of several, by the
/// names of any library in embed/weights/names.cpp, and ONNX models of that kind (embed/onnx_file.h). What they do
/// not say is guessed (see guess_spec). Throws InputError or IoError that names the file, which may not be a graph,
/// quantized or another program's: that has no modules.
LoadedModel load_model(const std::filesystem::path& checkpoint);

/// Returns what a checkpoint, or a quantized model, says of itself: its header is read, not its tensors, unless they
/// are another program's weights, which are all there is to go by. Throws as load_model() does.
ModelSpec read_model_spec(const std::filesystem::path& checkpoint);

/// Returns what a checkpoint of Keel, or a quantized model, says of itself, by its header; none of any other file of
/// weights. Throws as read_model_spec() does.
std::optional<ModelSpec> spec_in_header(const std::filesystem::path& file);

/// A model's file that was opened: what it says of itself, and, where it had to be read whole for that, as another
/// program's has to be, what was read, so that nobody reads it again.
struct OpenedModel {
    std::filesystem::path path;
    ModelSpec spec;
    std::optional<CheckpointState> state{};
};

/// Opens a file as read_model_spec() does.
OpenedModel open_model(const std::filesystem::path& checkpoint);

/// load_model() in two halves: what a model needs of a file, or of several that hold parts of it, and the model of
/// that. `key` takes of another program's weights what lies under it alone (embed/weights/weight_files.h);
/// `image_size` is of ONNX models that take images of any extents (read_onnx()).
CheckpointState load_model_state(const std::filesystem::path& checkpoint, const std::string& key = {});
CheckpointState load_model_state(std::span<const std::filesystem::path> files, const std::string& key = {},
                                 std::int64_t image_size = 0);
/// Returns how another program's weights were found in their file and renamed, and what was left out, for people;
/// empty: as they are.
std::string read_as(const CheckpointState& state);
/// Returns whether another program's model ended in a softmax or sigmoid, which Keel leaves to who reads the logits.
bool gives_probabilities(const CheckpointState& state);
LoadedModel load_model(CheckpointState state, const std::filesystem::path& checkpoint);

/// A model as what it computes: traced of a model of layers, or the graph that a file holds, which may be quantized.
struct LoadedGraph {
    ModelSpec spec;
    graph::Graph graph;
};

/// Reads any model that predicts. Throws as load_model() does, and where images of the model's size do not fit it.
LoadedGraph load_graph(const std::filesystem::path& checkpoint);
LoadedGraph load_graph(CheckpointState state, const std::filesystem::path& checkpoint);

/// Returns what a file's tensors give to a model: the parameters' averages (EMA) where there are any, in place of the
/// parameters and under their names, the other tensors as they are.
std::vector<NamedTensor> model_weights(const std::vector<NamedTensor>& tensors);

/// Returns what a checkpoint (model_weights()), or a file of another program's weights, gives to a model, whichever
/// that is, by torchvision's names; what it holds that is of no model is added to `left_out`. Throws as load_model()
/// does.
std::vector<NamedTensor> read_model_weights(const std::filesystem::path& path,
                                            std::vector<std::string>* left_out = nullptr);

}  // namespace keel
