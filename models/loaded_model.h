// A model as it comes from a checkpoint, ready to predict.
#pragma once

#include <filesystem>
#include <memory>

#include "engine/checkpoint.h"
#include "models/model_spec.h"

namespace keel {

struct LoadedModel {
    ModelSpec spec;
    std::unique_ptr<nn::Module> module;  ///< in evaluation mode

    /// Probabilities {n, labels} of normalised images {n, image_size, image_size, channels}.
    Tensor predict(const Tensor& images) const;
};

/// Reads a checkpoint of Keel; the averaged weights (EMA) where it holds them. Throws InputError or IoError that names the file.
LoadedModel load_model(const std::filesystem::path& checkpoint);

/// The parameters' averages among a checkpoint's tensors under the parameters' own names, in place of the parameters; the tensors
/// as they are where there are no averages.
std::vector<NamedTensor> averaged_weights(const std::vector<NamedTensor>& tensors);

}  // namespace keel
