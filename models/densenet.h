// DenseNet (Huang et al., "Densely connected convolutional networks", CVPR 2017).
#pragma once

#include <array>
#include <memory>

#include "models/registry.h"

namespace keel {

struct DenseNetShape {
    std::int64_t growth;        ///< channels that each layer adds
    std::array<int, 4> blocks;  ///< layers of each dense block
    std::int64_t stem_channels;
};

std::unique_ptr<nn::Module> make_densenet(const DenseNetShape& shape, const ModelOptions& options);

}  // namespace keel
