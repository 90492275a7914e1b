// A graph in a file: what keel quantize writes. A checkpoint (engine/checkpoint.h) whose metadata hold the graph as JSON under
// "keel.graph", and whose tensors are its numbers, named "STEP.LAYER.FIELD".
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "engine/checkpoint.h"
#include "models/graph.h"
#include "models/model_spec.h"

namespace keel {

/// Whether a checkpoint holds a graph, not the weights of a module.
bool holds_graph(const std::map<std::string, std::string>& metadata);

/// Writes the model; `notes` are further metadata. The graph passes check().
void save_graph(const std::filesystem::path& path, const ModelSpec& spec, const graph::Graph& graph,
                std::map<std::string, std::string> notes = {});

/// The graph of a checkpoint's state, checked. Throws InputError, which names `file`, for one that is malformed, incomplete or that
/// check() refuses, and for tensors that it does not want.
graph::Graph read_graph(const CheckpointState& state, const std::string& file);

}  // namespace keel
