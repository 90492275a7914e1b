// The three passes of a convolution on oneDNN's primitives: dense maps, weights in any layout.
#pragma once

#include "kernels/conv/conv.h"

namespace keel::kernels::onednn {

void forward(const Conv2dGeometry& g, bool training, const float* src, const float* weights, const WeightsLayout& layout,
             const float* bias, float* dst);
void backward_data(const Conv2dGeometry& g, const float* diff_dst, const float* weights, const WeightsLayout& layout,
                   float* diff_src);
void backward_weights(const Conv2dGeometry& g, const float* src, const float* diff_dst, float* diff_weights,
                      const WeightsLayout& layout, float* diff_bias);

}  // namespace keel::kernels::onednn
