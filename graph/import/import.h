// From an ONNX model to a graph: any feed-forward network of images whose operators are known, opsets 7 to 23.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "graph/import/codes.h"
#include "graph/onnx/model.h"

namespace keel::graph {

/// The images that a model takes, as far as it says: 0 where an extent is free.
struct ModelImages {
    std::string input{};
    std::int64_t channels = 0, h = 0, w = 0;
    bool channels_last = false;
    bool bytes = false;  ///< u8, 0 to 255
};

/// Returns the images of the model's only input that is not a constant: {n, c, h, w}, or {n, h, w, c} where the last
/// extent is that of 1 to 4 channels and the second is not. Throws InputError for other inputs.
ModelImages images_of(const onnx::Model& model);

/// What stood at the end of a model and is left to who reads its result.
enum class Outputs : std::uint8_t { logits, softmax, sigmoid };

struct ImportedGraph {
    Graph graph;
    Outputs outputs = Outputs::logits;
    std::vector<std::string> notes{};  ///< for people: what was left out, taken or guessed
    WeightSteps weight_steps{};        ///< of layers whose weights DequantizeLinear made
};

/// Makes a graph for images of h x w x c, which are those of the model where it says them. The number of images is
/// free, whatever the model says. Batch norms are folded, activations and sums fused as by Builder; layout changes that
/// views can be are none. Throws InputError that names node, operator and opset for what is not known, does not fit or
/// depends on the number of images, or for more than 2^32 elements of a map.
ImportedGraph import_graph(onnx::Model model, std::int64_t h, std::int64_t w, std::int64_t c);

}  // namespace keel::graph
