// ONNX files as models: those that Keel has become their weights, every other one a graph.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/checkpoint.h"

namespace keel {

struct OnnxState {
    CheckpointState state;             ///< of a model's weights, or of a graph
    bool gives_probabilities = false;  ///< it ends in a softmax or sigmoid, which is left to Keel
    bool says = false;                 ///< Keel wrote it, and it says labels and what pixels are
    std::vector<std::string> notes{};  ///< what was found, left out, guessed
};

/// Reads an ONNX model. `image_size`, in pixels a side, is for models that take images of any extents; 0: 224. What is
/// not said is guessed as of weights (foreign_weights.h): outputs are called by their numbers, a model that ends in a
/// sigmoid is of labels that do not exclude one another. Throws InputError or IoError that names the file and, where
/// it is one, the node; UsageError for an image_size that the model does not take.
OnnxState read_onnx(const std::filesystem::path& path, std::int64_t image_size = 0);

}  // namespace keel
