#include "embed/export_onnx.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/json.h"
#include "graph/export/export.h"
#include "kernels/error.h"
#include "kernels/version.h"

namespace keel {
namespace {

using Head = graph::OnnxOptions::Head;

Head head_of(const ModelSpec& spec, const std::string& outputs) {
    if (outputs == "logits") return Head::none;
    if (outputs != "probabilities")
        throw UsageError(fmt::format("[export] outputs '{}', wanted logits or probabilities", outputs));
    return spec.multi_label ? Head::sigmoid : Head::softmax;
}

constexpr const char *kInput = "input", *kNormalized = "normalized pixels", *kPixels = "pixels from 0 to 1",
                     *kBytes = "pixels from 0 to 255";

std::optional<graph::Preprocessing> preprocessing_of(const ModelSpec& spec, const std::string& pixels) {
    if (pixels == "none") return std::nullopt;
    if (pixels != "f32" && pixels != "u8")
        throw UsageError(fmt::format("[export] preprocessing '{}', wanted none, f32 or u8", pixels));
    return graph::Preprocessing{pixels == "u8", spec.mean, spec.std};
}

}  // namespace

std::map<std::string, std::string> spec_metadata(const ModelSpec& spec) {
    return {{"model", spec.name},
            {"labels", json_text(spec.label_names)},
            {"outputs", spec.multi_label ? "sigmoid" : "softmax"},
            {"image_size", std::to_string(spec.image_size)},
            {"mean", fmt::format("{}", fmt::join(spec.mean, ", "))},
            {"std", fmt::format("{}", fmt::join(spec.std, ", "))},
            {"made_by", "keel " KEEL_VERSION}};
}

bool take_exported_spec(const std::map<std::string, std::string>& metadata, ModelSpec& spec) {
    const auto input = metadata.find(kInput);
    if (input == metadata.end()) return false;
    ModelSpec said;
    try {
        said = read_spec(metadata, "the model");
    } catch (const InputError&) {  // of another program, or of a later Keel
        return false;
    }
    if (said.options.classes != spec.options.classes || said.options.channels != spec.options.channels) return false;
    said.name = spec.name;
    said.options = spec.options;
    said.image_size = spec.image_size;
    if (input->second != kNormalized) {
        constexpr float kMostByte = 255;
        said.mean = {0};
        said.std = {input->second == kBytes ? 1 / kMostByte : 1};
    }
    spec = std::move(said);
    return true;
}

onnx::Model onnx_model(const LoadedGraph& loaded, const OnnxChoices& choices) {
    const ModelSpec& spec = loaded.spec;
    graph::OnnxOptions options;
    options.opset = choices.opset;
    options.head = head_of(spec, choices.outputs);
    options.preprocessing = preprocessing_of(spec, choices.preprocessing);
    options.name = spec.name;
    options.metadata = spec_metadata(spec);
    write_spec(spec, options.metadata);
    // What the file itself takes and gives; "outputs" is what makes probabilities of logits.
    options.metadata[kInput] = choices.preprocessing == "none"  ? kNormalized
                               : choices.preprocessing == "f32" ? kPixels
                                                                : kBytes;
    options.metadata["output"] = choices.outputs;
    return to_onnx(loaded.graph, options);
}

}  // namespace keel
