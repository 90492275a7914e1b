// A graph in a file: what keel quantize writes. A checkpoint (engine/checkpoint.h) whose metadata hold the graph as
// JSON under "keel.graph", and whose tensors are its numbers, named "STEP.LAYER.FIELD".
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "engine/checkpoint.h"
#include "graph/graph.h"
#include "graph/ops/registry.h"

namespace keel {

/// Returns whether a checkpoint holds a graph, not the weights of a module.
bool holds_graph(const std::map<std::string, std::string>& metadata);

/// Returns what a checkpoint of a graph that passes check() holds, beside `metadata`, which say what the model is
/// (write_spec) and any notes.
CheckpointState graph_state(const graph::Graph& graph, std::map<std::string, std::string> metadata);

/// Writes such a checkpoint. Throws IoError.
void save_graph(const std::filesystem::path& path, const graph::Graph& graph,
                std::map<std::string, std::string> metadata);

/// Returns the bytes of a graph's numbers in a file.
std::int64_t weight_bytes(const graph::Graph& graph);

/// Returns the graph of a checkpoint's state, checked. Throws InputError, which names `file`, for one that is
/// malformed, incomplete or that check() refuses, for operators that are none of `kinds`, and for tensors that belong
/// to no operator.
graph::Graph read_graph(const CheckpointState& state, const std::string& file,
                        std::span<const graph::OpKind> kinds = graph::op_kinds());

}  // namespace keel
