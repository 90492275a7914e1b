// The three passes of a convolution on oneDNN's primitives: dense maps, weights in any layout. One that is not oneDNN's
// own is unpacked, or packed, beside the pass: a way out where the ISA changed, not one to be fast.
#pragma once

#include <memory>

#include "kernels/conv/conv.h"
#include "kernels/conv/prepared.h"
#include "kernels/conv/weights_layout.h"

namespace keel::kernels::onednn {

/// Returns the layout that oneDNN likes best; never null.
WeightsLayout preferred_layout(const Conv2dGeometry& g, bool training);

void forward(const Conv2dGeometry& g, bool training, const float* src, const float* weights,
             const WeightsLayout& layout, const float* bias, float* dst);
void backward_data(const Conv2dGeometry& g, const float* diff_dst, const float* weights, const WeightsLayout& layout,
                   float* diff_src);
void backward_weights(const Conv2dGeometry& g, const float* src, const float* diff_dst, float* diff_weights,
                      const WeightsLayout& layout, float* diff_bias);

/// Returns a convolution of inference on oneDNN's primitives, for any geometry and fusion.
std::unique_ptr<const PreparedConv> prepare_conv(const Conv2dGeometry& g, const ConvFusion& fusion);

}  // namespace keel::kernels::onednn
