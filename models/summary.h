// What a model costs: its layers, parameters, multiply-accumulates and activations.
#pragma once

#include <string>
#include <vector>

#include "engine/nn/module.h"

namespace keel {

struct LayerSummary {
    std::string name;  ///< dotted
    std::string kind;  ///< e.g. "Conv2d 3x3/2"
    Dims dst;          ///< of one image
    std::int64_t parameters = 0, macs = 0;
    std::int64_t activation_bytes = 0;  ///< of its result
};

struct ModelSummary {
    std::vector<LayerSummary> layers;
    std::int64_t parameters = 0, macs = 0;  ///< for one image
    std::int64_t activation_bytes = 0;      ///< results of all layers, for one image: what training keeps
};

/// Runs one blank image of image_size x image_size through the model (evaluation mode, no gradients) and counts.
ModelSummary summarize(nn::Module& model, std::int64_t channels, std::int64_t image_size);

}  // namespace keel
