// Parts of nodes and graphs: AttributeProto and ValueInfoProto.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "graph/onnx/external.h"
#include "graph/onnx/model.h"
#include "graph/onnx/wire.h"

namespace keel::onnx {

/// Reads an attribute and its name. Graphs are passed over. Throws InputError, which names the attribute, for one
/// without a value, or of a type that nothing here reads.
std::pair<std::string, Attribute> read_attribute(std::string_view message, Budget& budget, ExternalFiles& files);

/// Reads an input or output of a graph. Throws InputError, which names it, for one that is no tensor.
Port read_port(std::string_view message, Budget& budget);

}  // namespace keel::onnx
