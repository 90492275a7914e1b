#include "embed/export_model.h"

#include <fmt/core.h>

#include "embed/import_weights.h"
#include "graph/onnx/file.h"

namespace keel {
namespace {

StoredFloat stored_float(const std::string& type) {
    if (type == "f32") return StoredFloat::f32;
    if (type == "f16") return StoredFloat::f16;
    if (type == "bf16") return StoredFloat::bf16;
    throw UsageError(fmt::format("[export] type '{}', wanted f32, f16 or bf16", type));
}

}  // namespace

ModelSpec export_model(const std::filesystem::path& checkpoint, const std::filesystem::path& out,
                       const ExportChoices& choices) {
    const StoredFloat type = stored_float(choices.type);
    if (out.extension() == ".safetensors") {
        if (choices.onnx != OnnxChoices{})
            throw UsageError("[export] an opset, outputs and a preprocessing are of ONNX files");
        LoadedModel model = load_model(checkpoint);
        export_weights(out, model, type);
        return std::move(model.spec);
    }
    if (out.extension() != ".onnx")
        throw UsageError(
            fmt::format("[export] wanted a file that ends in .safetensors or .onnx, not {}", out.string()));
    if (type != StoredFloat::f32)
        throw UsageError("[export] ONNX files hold f32, or the integers of a quantized model");
    LoadedGraph loaded = load_graph(checkpoint);
    onnx::write_file(out, onnx_model(loaded, choices.onnx));
    return std::move(loaded.spec);
}

}  // namespace keel
