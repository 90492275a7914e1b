// Operators that exporters spell out in others: x * sigmoid(x), GELU by erf, layer norms in nine nodes.
#pragma once

#include "graph/onnx/model.h"

namespace keel::graph {

/// Replaces what is spelled out by one node, where nothing else reads what lies between: Silu, HardSwish, Mish and Gelu
/// (which are none of the standard's of every opset, but have its names), LayerNormalization.
void use_known_names(onnx::Model& model);

}  // namespace keel::graph
