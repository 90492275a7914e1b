// The variants of image resampling.
#pragma once

#include "kernels/cpu.h"
#include "kernels/image/image.h"

namespace keel::kernels {

struct ImageVariant {
    Isa isa;
    void (*blend_rows)(const RowBlend& b, const float* weights, const std::uint8_t* src, float* dst);
};

extern const ImageVariant image_avx512, image_avx2, image_scalar;
inline constexpr const ImageVariant* image_variants[] = {&image_avx512, &image_avx2, &image_scalar};

}  // namespace keel::kernels
