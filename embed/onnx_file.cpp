#include "embed/onnx_file.h"

#include <algorithm>

#include <fmt/format.h>

#include "embed/export_onnx.h"
#include "embed/foreign_weights.h"
#include "embed/recognize.h"
#include "embed/weights/names.h"
#include "graph/build/graph_file.h"
#include "graph/import/codes.h"
#include "graph/import/import.h"
#include "graph/onnx/file.h"
#include "models/model_spec.h"

namespace keel {
namespace {

constexpr std::int64_t kUsualSide = 224;  // pixels a side

/// The constants of floats that could be a module's parameters.
std::vector<NamedTensor> parameters_of(const onnx::Model& model) {
    std::vector<NamedTensor> tensors;
    for (const auto& [name, array] : model.initializers) {
        if (!onnx::is_float(array.type) || array.dims.empty() || array.dims.size() > 4) continue;
        tensors.push_back({name, Tensor::from<float>(array.floats, Dims(array.dims))});
    }
    return tensors;
}

/// The model whose parameters kept their names in the file, where it computes what the graph does.
std::optional<ModelSpec> by_names(const graph::Graph& graph, std::vector<NamedTensor>& tensors, std::string& how) {
    how = use_torchvision_names(tensors);
    const auto spec = guess_spec(tensors);
    if (!spec) return std::nullopt;
    const auto module = make_blank_model(spec->name, spec->options);
    load_into(module->state(), tensors, "the model", {.skip_foreign = true});
    module->train(false);
    return computes_the_same(graph, *module) ? spec : std::nullopt;
}

ModelSpec spec_of(const std::string& name, const ModelOptions& options, std::int64_t side) {
    ModelSpec spec;
    spec.name = name;
    spec.options = options;
    spec.image_size = side;
    default_normalization(spec);
    for (std::int64_t i = 0; i < options.classes; ++i) spec.label_names.push_back(std::to_string(i));
    return spec;
}

/// What Keel wrote of a model that it exported; none where another program did.
std::optional<ModelSpec> spec_said(const std::map<std::string, std::string>& metadata) {
    try {
        return metadata.contains("keel.model") ? std::optional(read_spec(metadata, "the model")) : std::nullopt;
    } catch (const InputError&) {  // of a graph, or of a later Keel
        return std::nullopt;
    }
}

/// A name for people that files may hold.
std::string graph_name(const std::filesystem::path& path) {
    std::string name = path.stem().string();
    std::erase_if(name, [](char c) { return c < ' ' || c > '~'; });
    return name.empty() ? "graph" : name.substr(0, 80);
}

std::int64_t side_of(const graph::ModelImages& images, std::int64_t wanted) {
    const std::int64_t side = std::max(images.h, images.w);
    if (images.h != 0 && images.w != 0 && images.h != images.w)
        throw InputError(fmt::format("it takes images of {} x {} pixels, wanted square ones", images.h, images.w));
    if (side == 0) return wanted == 0 ? kUsualSide : wanted;
    if (wanted != 0 && wanted != side)
        throw UsageError(fmt::format("[import] the model takes images of {} pixels a side, not of {}", side, wanted));
    return side;
}

/// A graph that is none of Keel's models; one that rounds runs on integers as far as it can.
void add_graph(const graph::CodedGraph& coded, OnnxState& result) {
    result.state = graph_state(coded.graph, {});
    const bool quantized = std::ranges::any_of(coded.graph.buffers, &graph::Buffer::quantized);
    result.notes.push_back(fmt::format("a graph of {} nodes, none of Keel's models: it predicts{}, but does not train",
                                       coded.graph.nodes.size(), quantized ? "" : " and is quantized"));
    if (coded.roundings > 0)
        result.notes.push_back(fmt::format(
            "it is quantized: {} of its {} convolutions and linear layers run in int8{}", coded.in_codes,
            coded.convolutions,
            coded.in_codes == coded.convolutions ? "" : ", the others, and what stands between them, in floats"));
}

OnnxState state_of(const std::filesystem::path& path, std::int64_t image_size) {
    onnx::Model model = onnx::read_file(path);
    const graph::ModelImages images = graph::images_of(model);
    const std::int64_t side = side_of(images, image_size);
    const std::int64_t channels = images.channels == 0 ? 3 : images.channels;
    std::vector<NamedTensor> tensors = parameters_of(model);
    std::string producer = fmt::format("{} {}", model.producer, model.producer_version);
    const std::map<std::string, std::string> said = model.metadata;
    graph::ImportedGraph imported = graph::import_graph(std::move(model), side, side, channels);
    OnnxState result{{}, imported.outputs != graph::Outputs::logits, false, std::move(imported.notes)};
    ModelSpec spec;
    std::string how;
    std::map<std::string, std::string>& metadata = result.state.metadata;
    if (auto named = by_names(imported.graph, tensors, how)) {
        spec = spec_of(named->name, named->options, side);
        result.state.tensors = std::move(tensors);
        if (!how.empty()) result.notes.push_back(how);
    } else if (auto known = recognize(imported.graph, spec_said(said))) {
        spec = spec_of(known->name, known->options, side);
        result.state.tensors = std::move(known->state);
        result.notes.push_back(fmt::format(
            "the layers are {}'s; batch norms had been folded into convolutions, and are what is left of them",
            known->name));
    } else {
        ModelOptions options{.classes = imported.graph.dst.c, .channels = channels};
        spec = spec_of(graph_name(path), options, side);
        add_graph(graph::coded(imported.graph, imported.weight_steps), result);
    }
    spec.multi_label = imported.outputs == graph::Outputs::sigmoid;
    if (images.bytes) {
        constexpr float kMostByte = 255;
        spec.mean = {0};
        spec.std = {1 / kMostByte};  // what makes 0 to 255 of pixels from 0 to 1
        result.notes.emplace_back("it takes bytes");
    }
    result.says = take_exported_spec(said, spec);
    if (result.says) result.notes.emplace_back("Keel wrote it: labels, and what pixels are, are as it says");
    write_spec(spec, metadata);
    result.notes.insert(result.notes.begin(), fmt::format("an ONNX model{}", producer == " " ? "" : " of " + producer));
    return result;
}

}  // namespace

OnnxState read_onnx(const std::filesystem::path& path, std::int64_t image_size) {
    try {
        return state_of(path, image_size);
    } catch (const InputError& error) {
        const std::string what = error.what();
        if (what.find(path.string()) != std::string::npos) throw;
        throw InputError(fmt::format("[onnx] {}: {}", path.string(), what));
    }
}

}  // namespace keel
