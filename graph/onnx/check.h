// What a model must be beside well-formed: every value made once, and before it is read.
#pragma once

#include "graph/onnx/model.h"

namespace keel::onnx {

/// Throws InputError, which names the node or the value, for a node that reads what is made later (the graph has a
/// cycle, or is not sorted) or nowhere, two values of one name, an output that nothing makes, or that is listed twice,
/// and a node of a domain that the model does not import.
void check(const Model& model);

/// Returns what messages call a node: "node 'x' (Conv)".
std::string title(const Node& node);

}  // namespace keel::onnx
