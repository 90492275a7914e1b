// Graphs of other programs that are one of Keel's models.
#pragma once

#include <optional>
#include <vector>

#include "engine/tensor.h"
#include "graph/graph.h"
#include "models/model_spec.h"
#include "models/registry.h"

namespace keel {

/// The model that a graph is of, and its parameters by torchvision's names.
struct Recognized {
    std::string name;
    ModelOptions options{};
    std::vector<NamedTensor> state{};
};

/// Returns the model of the registry that computes what a graph of floats does, layer by layer; none where there is no
/// such. The graph's batch norms are folded into its convolutions: the model has them beside weights that are folded,
/// with a mean of 0 and a variance of 1, so that it computes the same, and trains on. `said`: what the graph's file
/// says of it, whose widths are tried where it is none of whole width.
std::optional<Recognized> recognize(const graph::Graph& graph, const std::optional<ModelSpec>& said = {});

/// Returns whether a model computes what the graph does, on random images, within 1e-3 of the largest logit.
bool computes_the_same(const graph::Graph& graph, nn::Module& module);

}  // namespace keel
