// A model as it comes from a checkpoint.
#pragma once

#include <filesystem>
#include <memory>

#include "engine/checkpoint.h"
#include "models/model_spec.h"

namespace keel {

struct LoadedModel {
    ModelSpec spec;
    std::unique_ptr<nn::Module> module;  ///< in evaluation mode
};

/// Reads a checkpoint of Keel; the averaged weights (EMA) where it holds them. Weights of another program are read,
/// too, where they are of a model in the registry: safetensors and files of torch.save, by the names of any library in
/// embed/weights/names.cpp. What they do not say is guessed (see guess_spec). Throws InputError or IoError that names
/// the file, which may not be a quantized model: that has no modules.
LoadedModel load_model(const std::filesystem::path& checkpoint);

/// Returns what a checkpoint, or a quantized model, says of itself: its header is read, not its tensors, unless they
/// are another program's weights, which are all there is to go by. Throws as load_model() does.
ModelSpec read_model_spec(const std::filesystem::path& checkpoint);

/// load_model() in two halves: what a model needs of a file (of one of torch.save what lies under `key`, if one is
/// given), and the model of that.
CheckpointState load_model_state(const std::filesystem::path& checkpoint, const std::string& key = {});
/// Returns how another program's weights were found in their file and renamed, for people; empty: as they are.
std::string read_as(const CheckpointState& state);
LoadedModel load_model(CheckpointState state, const std::filesystem::path& checkpoint);

/// Returns what a file's tensors give to a model: the parameters' averages (EMA) where there are any, in place of the
/// parameters and under their names, the other tensors as they are.
std::vector<NamedTensor> model_weights(const std::vector<NamedTensor>& tensors);

/// Returns what a checkpoint, or a file of another program's weights, gives to a model (model_weights()), by
/// torchvision's names. Throws as load_model() does.
std::vector<NamedTensor> read_model_weights(const std::filesystem::path& path);

}  // namespace keel
