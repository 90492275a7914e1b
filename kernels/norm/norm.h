// Normalizations of NHWC maps of floats by statistics of their own, sums in double: the results are those of one
// rounding or two, the same bits on every ISA. `ld` is the distance between pixels in elements. No alignment is needed.
#pragma once

#include <cstdint>

namespace keel::kernels {

struct NormGeometry {
    std::int64_t pixels, c, src_ld, dst_ld;  ///< the pixels of an image where its pixels are summed, else of all
};

/// dst = (src - mean) / sqrt(variance + eps) * scale + shift, with the mean and the biased variance of the channels of
/// each pixel. scale and shift are of c channels; null: 1 and 0. dst may be src, with the same distance.
void layer_norm_forward(const NormGeometry& g, const float* src, const float* scale, const float* shift, float eps,
                        float* dst);

/// Likewise for each of n images, with the mean and the variance of each channel over the image's pixels.
void instance_norm_forward(std::int64_t n, const NormGeometry& g, const float* src, const float* scale,
                           const float* shift, float eps, float* dst);

struct LrnParameters {
    int size;
    float alpha, beta, bias;
};

/// dst[c] = src[c] / (bias + alpha / size * sum of src[i]^2)^beta, with i from c - (size - 1) / 2 to c + size / 2
/// (whole numbers), as far as there are such channels. Powers are C's pow() in double, but for the exponent 3/4, which
/// is made of square roots. dst must not overlap src.
void lrn_forward(const NormGeometry& g, const LrnParameters& p, const float* src, float* dst);

}  // namespace keel::kernels
