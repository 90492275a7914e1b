#include "graph/import/import.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <new>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/import/maps.h"
#include "graph/import/operators.h"
#include "graph/import/patterns.h"
#include "kernels/error.h"

namespace keel::graph {
namespace {

constexpr std::int64_t kOldestRead = 7, kNewestRead = 23;
constexpr std::int64_t kMostElements = std::int64_t{1} << 32;

Lower find_operator(const std::string& op) {
    for (const std::span<const LowerEntry> entries : {shape_operators(), slice_operators(), arithmetic_operators(),
                                                      layer_operators(), norm_operators(), image_operators()})
        for (const LowerEntry& entry : entries)
            if (entry.op == op) return entry.lower;
    return nullptr;
}

std::int64_t opset_of(const onnx::Model& model) {
    const auto found = model.opsets.find("");
    const std::int64_t opset = found == model.opsets.end() ? 0 : found->second;
    if (opset < kOldestRead || opset > kNewestRead)
        throw InputError(fmt::format("the model is of opset {}, wanted {} to {}", opset, kOldestRead, kNewestRead));
    return opset;
}

std::string extents_text(const onnx::Port& port) {
    std::vector<std::string> texts;
    for (const onnx::Extent& dim : port.dims)
        texts.push_back(dim.value ? std::to_string(*dim.value) : dim.name.empty() ? "?" : dim.name);
    return fmt::format("{} {{{}}}", port.name, fmt::join(texts, ", "));
}

const onnx::Port& image_port(const onnx::Model& model) {
    const onnx::Port* port = nullptr;
    for (const onnx::Port& input : model.inputs) {
        if (model.initializers.contains(input.name)) continue;
        if (port != nullptr)
            throw InputError(fmt::format("the model has the inputs {} and {}, wanted one of images",
                                         extents_text(*port), extents_text(input)));
        port = &input;
    }
    if (port == nullptr) throw InputError("the model has no input");
    if (port->dims.size() != 4 || !(onnx::is_float(port->type) || port->type == onnx::ElementType::u8))
        throw InputError(fmt::format(
            "the model's input is {} of {}, wanted images of floats or bytes {{n, channels, rows, columns}}",
            extents_text(*port), onnx::name(port->type)));
    return *port;
}

/// Whether a softmax is over the classes of a row: not over the images, nor over one of several axes.
bool is_over_classes(const onnx::Node& node) {
    const auto found = node.attributes.find("axis");
    if (found == node.attributes.end()) return true;
    const auto* axis = std::get_if<std::int64_t>(&found->second);
    return axis != nullptr && (*axis == 1 || *axis == -1);
}

/// The softmax or sigmoid at the end of a model.
struct End {
    std::size_t node;
    Outputs outputs;
    bool moved;  ///< its result is reshaped before it is the model's
};

/// Finds the softmax or sigmoid that nothing follows but what only makes a row of its numbers, and that nothing else
/// reads.
std::optional<End> end_of(const onnx::Model& model, const std::string& output) {
    std::map<std::string, int> readers{{output, 1}};
    for (const onnx::Node& node : model.nodes)
        for (const std::string& input : node.inputs) ++readers[input];
    const bool of_row = model.outputs[0].dims.size() == 2;
    bool moved = false;
    std::string name = output;
    for (std::size_t i = model.nodes.size(); i-- > 0;) {
        const onnx::Node& node = model.nodes[i];
        if (node.outputs.empty() || node.outputs[0] != name || node.inputs.empty()) continue;
        const std::string& op = node.op;
        if (readers[name] > 1) return {};
        if (op == "Sigmoid") return End{i, Outputs::sigmoid, moved};
        if ((op == "Softmax" || op == "LogSoftmax") && is_over_classes(node)) return End{i, Outputs::softmax, moved};
        const bool passes = op == "Identity" || op == "Dropout" || op == "Cast",
                   moves = op == "Flatten" || op == "Reshape" || op == "Squeeze" || op == "Unsqueeze";
        if (!passes && !(moves && of_row)) return {};
        moved = moved || moves;
        name = node.inputs[0];
    }
    return {};
}

/// Whether the end of a model is left to who reads its result: where it is of a row of classes. Of maps, which are
/// reshaped to a row, it is an operator like others.
bool is_left(const End& end, const onnx::Node& node, const Values& values) {
    if (!end.moved) return true;
    const auto found = values.known.find(node.inputs[0]);
    const auto* view = found == values.known.end() ? nullptr : std::get_if<View>(&found->second);
    if (view == nullptr) return false;
    const std::vector<std::int64_t> dims = view->dims();
    return std::ranges::count_if(dims, [](std::int64_t dim) { return dim != 1; }) <= 1;
}

/// Throws InputError for weights that are no numbers. A single number may be infinite, as bounds are.
void require_finite(const std::string& name, const onnx::Array& array) {
    const bool one = array.floats.size() == 1;
    for (const float value : array.floats)
        if (std::isnan(value) || (!one && !std::isfinite(value)))
            throw InputError(
                fmt::format("the constant {} holds NaN or infinity: the weights are damaged, or of a run "
                            "that had diverged",
                            name));
}

/// Marks the nodes that the output is made of.
std::vector<bool> needed_for(const onnx::Model& model, const std::string& output) {
    std::set<std::string> wanted{output};
    std::vector<bool> needed(model.nodes.size());
    for (std::size_t i = model.nodes.size(); i-- > 0;) {
        const onnx::Node& node = model.nodes[i];
        needed[i] = std::ranges::any_of(node.outputs, [&](const std::string& name) { return wanted.contains(name); });
        if (needed[i]) wanted.insert(node.inputs.begin(), node.inputs.end());
    }
    return needed;
}

std::string node_text(const NodeScope& scope) {
    return fmt::format("node '{}' ({}, opset {})", scope.name(), scope.node().op, scope.opset());
}

void lower(const onnx::Node& node, std::int64_t opset, Values& values, Builder& builder) {
    NodeScope scope(node, opset, values, builder);
    const Lower lower = node.domain.empty() ? find_operator(node.op) : nullptr;
    if (lower == nullptr)
        throw InputError(fmt::format("{}: {}{}{} is no operator that can be read", node_text(scope), node.domain,
                                     node.domain.empty() ? "" : ".", node.op));
    try {
        lower(scope);
        for (const std::string& output : node.outputs) {
            const auto made = values.known.find(output);
            if (made == values.known.end()) continue;
            if (const auto* constant = std::get_if<Constant>(&made->second)) require_finite(output, constant->array);
            const auto* view = std::get_if<View>(&made->second);
            if (view != nullptr && builder.map(view->value).elements() > kMostElements)
                scope.refuse(fmt::format("a map of {} elements is too large", builder.map(view->value).elements()));
        }
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::exception& error) {  // of geometries, too
        throw InputError(fmt::format("{}: {}", node_text(scope), error.what()));
    }
}

/// The result as the whole of a buffer of one pixel.
Value result_of(Builder& builder, Values& values, const std::string& output, Outputs outputs) {
    const auto found = values.known.find(output);
    const auto* view = found == values.known.end() ? nullptr : std::get_if<View>(&found->second);
    if (view == nullptr) throw InputError(fmt::format("the model's output {} does not depend on its images", output));
    if (!view->axes[0].empty())
        throw InputError(fmt::format("the model's output {} is of {{{}}} for each image, wanted one row", output,
                                     fmt::join(view->dims(), ", ")));
    const std::vector<std::int64_t> dims = view->dims();
    if (outputs == Outputs::softmax && std::ranges::count_if(dims, [](std::int64_t dim) { return dim != 1; }) > 1)
        throw InputError(
            fmt::format("the model ends in a softmax of {{{}}} for each image, wanted one of a row of classes",
                        fmt::join(dims, ", ")));
    const Buffer map = builder.map(view->value);
    const auto whole = covered(builder, *view);
    const bool row = map.h * map.w == 1 && whole && *whole == Value{view->value.buffer, 0, map.c} &&
                     merged(factors_of(view->axes)) == merged({{map.c, 0, 1}});
    if (row && view->value.buffer != builder.src().buffer) return *whole;
    const onnx::Node copy{"output", "Flatten", "", {output}, {}, {}};
    NodeScope scope(copy, kNewestRead, values, builder);
    return flattened(scope, *view, dims).value;
}

}  // namespace

ModelImages images_of(const onnx::Model& model) {
    const onnx::Port& port = image_port(model);
    const auto extent = [&](std::size_t i) { return port.dims[i].value.value_or(0); };
    const auto is_channels = [](std::int64_t n) { return n >= 1 && n <= 4; };
    ModelImages images{port.name, extent(1), extent(2), extent(3), !is_channels(extent(1)) && is_channels(extent(3))};
    if (images.channels_last) images = {port.name, extent(3), extent(1), extent(2), true};
    images.bytes = port.type == onnx::ElementType::u8;
    for (const std::int64_t size : {images.channels, images.h, images.w})
        if (size < 0 || size > 1 << 20) throw InputError(fmt::format("the model's input is {}", extents_text(port)));
    return images;
}

ImportedGraph import_graph(onnx::Model model, std::int64_t h, std::int64_t w, std::int64_t c) {
    const std::int64_t opset = opset_of(model);
    const ModelImages images = images_of(model);
    for (const auto& [said, given, what] : {std::tuple(images.channels, c, "channels"), std::tuple(images.h, h, "rows"),
                                            std::tuple(images.w, w, "columns")})
        if (said != 0 && said != given)
            throw InputError(fmt::format("the model takes images of {} {}, not of {}", said, what, given));
    if (model.outputs.empty()) throw InputError("the model has no output");
    ImportedGraph result{};
    const std::string output = model.outputs[0].name;
    for (std::size_t i = 1; i < model.outputs.size(); ++i)
        result.notes.push_back(fmt::format("the output {} is left out, {} is taken", model.outputs[i].name, output));
    model.outputs.resize(1);
    use_known_names(model);
    const std::optional<End> end = end_of(model, output);
    const std::vector<bool> needed = needed_for(model, output);

    Builder builder(h, w, c);
    Values values;
    values.declared_batch = image_port(model).dims[0].value.value_or(0);
    values.readers[output] = 1;
    for (std::size_t i = 0; i < model.nodes.size(); ++i)
        if (needed[i])
            for (const std::string& input : model.nodes[i].inputs) ++values.readers[input];
    for (const auto& [name, array] : model.initializers) require_finite(name, array);
    for (auto& [name, array] : model.initializers) values.known.emplace(name, Constant{std::move(array), {}, {}});
    View input = image_view(builder, builder.src());
    if (images.channels_last) {
        input.axes = {input.axes[0], input.axes[2], input.axes[3], input.axes[1]};
        result.notes.push_back("the model takes images {n, rows, columns, channels}");
    }
    values.known.insert_or_assign(images.input, std::move(input));
    for (std::size_t i = 0; i < model.nodes.size(); ++i) {
        onnx::Node& node = model.nodes[i];
        if (end && i == end->node && is_left(*end, node, values)) {
            result.outputs = end->outputs;
            result.notes.push_back(fmt::format("the model ends in {}: its input are the logits", node.op));
            node = {node.name, "Identity", "", {node.inputs[0]}, {node.outputs[0]}, {}};
        }
        if (needed[i]) lower(node, opset, values, builder);
    }
    try {
        const Value dst = result_of(builder, values, output, result.outputs);
        result.graph = builder.finish(dst);
        result.weight_steps = std::move(values.weight_steps);
    } catch (const UsageError& error) {
        throw InputError(error.what());
    }
    return result;
}

}  // namespace keel::graph
