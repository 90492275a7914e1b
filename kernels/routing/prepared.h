// Convolutions of inference by the kernels that serve each best.
#pragma once

#include <memory>

#include "kernels/conv/prepared.h"

namespace keel::kernels {

/// Returns the convolution tuned for `g.n` images a run. Throws UsageError for a geometry that makes no sense.
std::unique_ptr<const PreparedConv> prepare_conv(const Conv2dGeometry& g, const ConvFusion& fusion);

}  // namespace keel::kernels
