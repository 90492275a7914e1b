// ResNet (He et al., "Deep residual learning for image recognition", CVPR 2016), with the stride of a bottleneck on its 3x3
// convolution as in torchvision ("v1.5").
#pragma once

#include <array>
#include <memory>

#include "models/registry.h"

namespace keel {

struct ResNetShape {
    bool bottleneck;            ///< 1x1, 3x3, 1x1 blocks; else two 3x3
    std::array<int, 4> blocks;  ///< of each stage
};

std::unique_ptr<nn::Module> make_resnet(const ResNetShape& shape, const ModelOptions& options);

}  // namespace keel
