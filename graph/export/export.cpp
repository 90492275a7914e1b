#include "graph/export/export.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "graph/export/operators.h"
#include "kernels/error.h"
#include "kernels/version.h"

namespace keel::graph {
namespace {

constexpr int kOldestWritten = 13, kNewestWritten = 21;
constexpr const char *kInput = "input", *kOutput = "output";

/// The version of the format that an opset came with (docs/Versioning.md of ONNX).
std::int64_t ir_version(int opset) {
    constexpr std::pair<int, std::int64_t> kVersions[] = {{21, 10}, {19, 9}, {15, 8}, {13, 7}};
    for (const auto& [first, version] : kVersions)
        if (opset >= first) return version;
    return kVersions[0].second;
}

const ExportEntry* find_entry(std::string_view op) {
    for (const auto entries : {layer_exports(), arithmetic_exports(), shape_exports(), quantized_exports()})
        for (const ExportEntry& entry : entries)
            if (entry.name == op) return &entry;
    return nullptr;
}

std::vector<float> of_channels(const std::vector<float>& values, std::int64_t c, const char* what) {
    if (values.size() == 1) return std::vector<float>(static_cast<std::size_t>(c), values.front());
    if (std::ssize(values) != c)
        throw UsageError(fmt::format("[export] {} of {} channels, the model has {}", what, values.size(), c));
    return values;
}

/// What the graph reads of the model's input.
std::string preprocessed(OnnxWriter& writer, const Preprocessing& pixels) {
    const std::int64_t c = writer.graph().src.c;
    const std::vector<float> mean = of_channels(pixels.mean, c, "a mean"),
                             std = of_channels(pixels.std, c, "a deviation");
    constexpr float kMostByte = 255;
    const float unit = pixels.bytes ? 1 / kMostByte : 1;
    std::vector<float> scale, shift;
    for (std::size_t i = 0; i < mean.size(); ++i) {
        scale.push_back(unit / std[i]);
        shift.push_back(-mean[i] / std[i]);
    }
    writer.begin("preprocessing");
    std::string tensor = kInput;
    if (pixels.bytes)
        tensor = writer.add("Cast", {tensor}, {{"to", static_cast<std::int64_t>(onnx::ElementType::f32)}}, "cast");
    tensor = writer.add("Mul", {tensor, writer.channels("scale", scale)}, {}, "mul");
    return writer.add("Add", {tensor, writer.channels("shift", shift)}, {}, "add");
}

onnx::Port port(const std::string& name, onnx::ElementType type, const Buffer& map, std::int64_t c, bool flat) {
    onnx::Port port{name, type, {{std::nullopt, "batch"}, {c, ""}}};
    if (!flat) {
        port.dims.push_back({map.h, ""});
        port.dims.push_back({map.w, ""});
    }
    return port;
}

std::string with_head(OnnxWriter& writer, const std::string& tensor, OnnxOptions::Head head) {
    if (head == OnnxOptions::Head::none) return tensor;
    writer.begin("head");
    if (head == OnnxOptions::Head::sigmoid) return writer.add("Sigmoid", {tensor});
    return writer.add("Softmax", {tensor}, {{"axis", std::int64_t{1}}});
}

void check_options(const Graph& graph, const OnnxOptions& options) {
    if (options.opset < kOldestWritten || options.opset > kNewestWritten)
        throw UsageError(
            fmt::format("[export] opset {}, wanted {} to {}", options.opset, kOldestWritten, kNewestWritten));
    if (graph.map(graph.src).quantized || graph.map(graph.dst).quantized)
        throw UsageError("[export] a graph from or to quantized values");
}

}  // namespace

onnx::Model to_onnx(const Graph& graph, const OnnxOptions& options) {
    check_options(graph, options);
    OnnxWriter writer(graph, options.opset);
    writer.reserve(kInput);
    writer.reserve(kOutput);
    const auto& pixels = options.preprocessing;
    writer.write(graph.src, pixels ? preprocessed(writer, *pixels) : kInput);
    for (const Node& node : graph.nodes) {
        const ExportEntry* entry = find_entry(node.op.name());
        if (entry == nullptr)
            throw UsageError(fmt::format("[export] {}: ONNX has no form of {}", node.name, node.op.name()));
        writer.begin(node.name);
        entry->write(writer, node);
    }
    const Buffer& dst = graph.map(graph.dst);
    const bool flat = dst.h == 1 && dst.w == 1;
    writer.begin("result");
    const std::string result = flat ? writer.read_flat(graph.dst) : writer.read(graph.dst);
    onnx::Model model = writer.finish(with_head(writer, result, options.head), kOutput);
    model.ir_version = ir_version(options.opset);
    model.producer = "keel";
    model.producer_version = KEEL_VERSION;
    model.graph_name = options.name;
    model.opsets = {{"", options.opset}};
    model.metadata = options.metadata;
    const bool bytes = pixels && pixels->bytes;
    model.inputs = {
        port(kInput, bytes ? onnx::ElementType::u8 : onnx::ElementType::f32, graph.map(graph.src), graph.src.c, false)};
    model.outputs = {port(kOutput, onnx::ElementType::f32, dst, graph.dst.c, flat)};
    return model;
}

}  // namespace keel::graph
