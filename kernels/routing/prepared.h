// Convolutions of inference by the kernels that serve each best.
#pragma once

#include <memory>

#include "kernels/conv/prepared.h"

namespace keel::kernels {

/// Returns the convolution tuned for `g.n` images a run. Throws UsageError for a geometry that makes no sense.
/// Maps are of f32, or of bf16; null where no kernel takes the geometry with the fusion on those.
std::unique_ptr<const PreparedConv> prepare_conv(const Conv2dGeometry& g, const ConvFusion& fusion);

}  // namespace keel::kernels
