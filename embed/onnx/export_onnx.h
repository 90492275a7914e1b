// From a checkpoint to an ONNX model for other runtimes.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "embed/loaded_model.h"
#include "graph/onnx/model.h"

namespace keel {

/// What of an exported model is a choice.
struct OnnxChoices {
    int opset = 17;                  ///< 13 to 21
    std::string outputs = "logits";  ///< or "probabilities": softmax, or sigmoid of labels that do not exclude another
    /// What the model takes: "none": normalized images; "f32": pixels from 0 to 1, or "u8": from 0 to 255, which its
    /// first nodes normalize.
    std::string preprocessing = "none";
};

/// Returns what other programs are told of a model beside its weights: name, labels, what the outputs go through, the
/// side of its images, mean and deviation of pixels from 0 to 1, Keel's version.
std::map<std::string, std::string> spec_metadata(const ModelSpec& spec);

/// Returns a model of layers or a quantized one as an ONNX model, with spec_metadata() and, for Keel itself, the spec.
/// Throws UsageError for choices that do not exist, or do not fit the model.
onnx::Model onnx_model(const LoadedGraph& loaded, const OnnxChoices& choices);

/// Writes a checkpoint, a quantized model or another program's weights as an ONNX file, and returns what it is. Throws
/// what load_graph() and onnx_model() do, IoError.
ModelSpec export_onnx(const std::filesystem::path& checkpoint, const std::filesystem::path& out,
                      const OnnxChoices& choices);

}  // namespace keel
