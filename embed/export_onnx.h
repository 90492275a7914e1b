// From a model to an ONNX model for other runtimes.
#pragma once

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

    bool operator==(const OnnxChoices&) const = default;
};

/// Returns what other programs are told of a model beside its weights: name, labels, what the outputs go through, the
/// side of its images, mean and deviation of pixels from 0 to 1, Keel's version.
std::map<std::string, std::string> spec_metadata(const ModelSpec& spec);

/// Gives a spec that was guessed of an ONNX model what onnx_model() wrote of it: name, labels, what pixels are and how
/// images are read, the thresholds. Returns false, with nothing changed, where the metadata hold no such thing, or one
/// that is of another number of labels or channels. Of a model that normalizes itself, what pixels are is what it
/// takes.
bool take_exported_spec(const std::map<std::string, std::string>& metadata, ModelSpec& spec);

/// Returns a model of layers or a quantized one as an ONNX model, with spec_metadata() and, for Keel itself, the spec.
/// Throws UsageError for choices that do not exist, or do not fit the model.
onnx::Model onnx_model(const LoadedGraph& loaded, const OnnxChoices& choices);

}  // namespace keel
