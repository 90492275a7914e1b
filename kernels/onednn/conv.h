// The three passes of a convolution on oneDNN's primitives: dense maps, weights in any layout. One that is not oneDNN's
// own is unpacked, or packed, beside the pass: a way out where the ISA changed, not one to be fast. Maps of bf16 are
// multiplied as such; weights and their gradients stay f32 and are reordered, and rounded, in each pass.
#pragma once

#include <memory>

#include "kernels/conv/conv.h"
#include "kernels/conv/map.h"
#include "kernels/conv/prepared.h"
#include "kernels/conv/weights_layout.h"

namespace keel::kernels::onednn {

/// Returns the layout that oneDNN likes best; never null.
WeightsLayout preferred_layout(const Conv2dGeometry& g, bool training);

/// Whether all passes take maps of bf16 on this machine, by kernels made for them: plain loops do not count.
bool takes_halves(const Conv2dGeometry& g);

void forward(const Conv2dGeometry& g, bool training, ConstMap src, const float* weights, const WeightsLayout& layout,
             const float* bias, Map dst);
void backward_data(const Conv2dGeometry& g, ConstMap diff_dst, const float* weights, const WeightsLayout& layout,
                   Map diff_src);
void backward_weights(const Conv2dGeometry& g, ConstMap src, ConstMap diff_dst, float* diff_weights,
                      const WeightsLayout& layout, float* diff_bias);

/// Returns a convolution of inference on oneDNN's primitives, for any geometry and fusion.
std::unique_ptr<const PreparedConv> prepare_conv(const Conv2dGeometry& g, const ConvFusion& fusion);

}  // namespace keel::kernels::onednn
