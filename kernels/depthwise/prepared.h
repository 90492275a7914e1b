// Depthwise convolutions as prepared convolutions of inference.
#pragma once

#include <memory>

#include "kernels/conv/prepared.h"

namespace keel::kernels {

/// Returns null where the kernels do not take the geometry with this fusion.
std::unique_ptr<const PreparedConv> prepare_depthwise_conv(const Conv2dGeometry& g, const ConvFusion& fusion);

}  // namespace keel::kernels
