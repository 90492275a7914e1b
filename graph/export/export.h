// From a graph to an ONNX model that computes the same.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "graph/onnx/model.h"

namespace keel::graph {

/// What the pixels of a model's input become first: (pixel - mean[c]) / std[c], with pixels from 0 to 1.
struct Preprocessing {
    bool bytes = false;                ///< the input is u8, 0 to 255, else f32, 0 to 1
    std::vector<float> mean{}, std{};  ///< of each channel, or one for all
};

struct OnnxOptions {
    enum class Head : std::uint8_t { none, softmax, sigmoid };

    int opset = 17;                                ///< 13 to 21
    Head head = Head::none;                        ///< what the outputs go through
    std::optional<Preprocessing> preprocessing{};  ///< none: the input is what the graph's src is
    std::string name = "model";
    std::map<std::string, std::string> metadata{};
};

/// Returns a model of the input "input" {batch, c, h, w} and the output "output": {batch, c} where the graph's dst is
/// one pixel, else {batch, c, h, w}. Nodes have the names of the graph's, the constants are called after them.
/// Quantized values are tensors of u8 between QuantizeLinear and DequantizeLinear of scale 1, so that a runtime that
/// knows this form convolves them in integers (docs/interop.md). Throws UsageError for an opset out of range, a
/// preprocessing that does not fit, a graph whose src or dst is quantized, or an operator that the opset cannot say.
onnx::Model to_onnx(const Graph& graph, const OnnxOptions& options);

}  // namespace keel::graph
