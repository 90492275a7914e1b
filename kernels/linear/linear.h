// Linear layers of inference: one pixel of dst for each image, with weights as large as the map. Sums of thousands of
// products: in lanes, which are added in double, so that the error is that of one lane's.
//
// Error: a result is within (h w c / lanes + 3) u of the truth times the sum of the magnitudes of its products, bias
// and residual, u the unit roundoff.
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/conv/prepared.h"

namespace keel::kernels {

/// src of n images of `pixels` pixels with c channels, `src_ld` floats apart; dst of n rows with `out` channels,
/// `dst_ld` floats apart.
struct LinearGeometry {
    std::int64_t n, pixels, c, out, src_ld, dst_ld;
};

/// Computes dst = weights src + bias with weights [out][pixels][c]; bias [out] may be null.
void linear_forward(const LinearGeometry& g, const float* src, const float* weights, const float* bias, float* dst);

/// Returns a convolution whose kernel is as large as the map it reads; null for others and for a fusion that it has
/// not.
std::unique_ptr<const PreparedConv> prepare_linear(const Conv2dGeometry& g, const ConvFusion& fusion);

}  // namespace keel::kernels
