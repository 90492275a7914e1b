// How each operator of graph/ops/ is written in ONNX, by subject.
#pragma once

#include <span>
#include <string_view>

#include "graph/export/onnx_writer.h"
#include "kernels/activation/activation.h"

namespace keel::graph {

struct Prologue;

struct ExportEntry {
    std::string_view name;  ///< of the operator in files
    void (*write)(OnnxWriter& writer, const Node& node);
};

/// A row for an operator and the function that writes it.
template <class T, void (*kWrite)(OnnxWriter&, const Node&, const T&)>
constexpr ExportEntry export_entry() {
    return {T::kName, [](OnnxWriter& writer, const Node& node) { kWrite(writer, node, *node.as<T>()); }};
}

std::span<const ExportEntry> layer_exports();       ///< convolutions, products, pools, normalizations
std::span<const ExportEntry> arithmetic_exports();  ///< element by element
std::span<const ExportEntry> shape_exports();       ///< what moves numbers
std::span<const ExportEntry> quantized_exports();   ///< on quantized values

/// Adds max(0, tensor) where it is wanted.
std::string with_relu(OnnxWriter& writer, const std::string& tensor, bool relu);
/// Adds an activation.
std::string with_activation(OnnxWriter& writer, const std::string& tensor, const kernels::Activation& activation);
/// Adds src * scale + shift, channel by channel.
std::string with_affine(OnnxWriter& writer, const std::string& tensor, const std::vector<float>& scale,
                        const std::vector<float>& shift, const std::string& label);
/// Reads src through a prologue, if there is one.
std::string read_through(OnnxWriter& writer, const Value& src, const std::optional<Prologue>& prologue);

/// Adds means over the areas of an adaptive pool, of a map that lies in `tensor`.
std::string with_adaptive_average(OnnxWriter& writer, const Node& node, const std::string& tensor);

}  // namespace keel::graph
