// From a checkpoint to a file for other programs.
#pragma once

#include <filesystem>
#include <string>

#include "embed/export_onnx.h"

namespace keel {

struct ExportChoices {
    std::string type = "f32";  ///< of safetensors: or f16, bf16
    OnnxChoices onnx{};        ///< of ONNX files
};

/// Writes a checkpoint, or another program's weights, to the kind of file that the name of `out` ends in: .safetensors,
/// a model's weights by torchvision's names (export_weights()), or .onnx, what it computes (onnx_model()), also of a
/// quantized model. Returns what the model is. Throws UsageError for other names, and choices that do not fit the kind
/// of file or the model; what load_model() and load_graph() do; IoError.
ModelSpec export_model(const std::filesystem::path& checkpoint, const std::filesystem::path& out,
                       const ExportChoices& choices);

}  // namespace keel
