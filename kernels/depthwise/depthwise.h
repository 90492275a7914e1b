// Depthwise convolution of inference: each channel of src with kernels of its own, groups == ic, over NHWC maps with
// any distance between pixels; any kernel, strides, paddings and dilations, and one or more kernels a channel.
//
// Error: a result is within (kh kw + 4) u of the truth times the sum of the magnitudes of its products, bias and
// residual, u the unit roundoff; the activation's error comes on top.
#pragma once

#include <cstdint>

#include "kernels/activation/activation.h"
#include "kernels/conv/conv.h"

namespace keel::kernels {

/// Whether these kernels are for the geometry: a group for each of several channels. One channel is a convolution like
/// any other.
bool depthwise_serves(const Conv2dGeometry& g);

/// What is done to dst = conv(src), in this order; null or false: nothing.
struct DepthwiseFusion {
    const float* bias = nullptr;  ///< [oc]
    ConstMap residual{};          ///< of dst's shape; may be dst itself
    bool relu = false;
    Activation activation{};
};

/// Returns the floats of packed weights: [oc / 16, rounded up][kh][kw][16], 0 beyond oc.
std::int64_t depthwise_weights_floats(const Conv2dGeometry& g);
/// Packs plain weights [oc, 1, kh, kw].
void depthwise_pack(const Conv2dGeometry& g, const float* plain, float* packed);

/// Computes dst. Distances between pixels are given in full here.
void depthwise_forward(const Conv2dGeometry& g, ConstMap src, const float* packed, const DepthwiseFusion& fusion,
                       Map dst);

}  // namespace keel::kernels
