// The variants of layer norm: serial, over all pixels that they are given.
#pragma once

#include "kernels/isa.h"
#include "kernels/norm/norm.h"

namespace keel::kernels {

struct NormVariant {
    Isa isa;
    void (*layer_norm)(const NormGeometry& g, const float* src, const float* scale, const float* shift, float eps,
                       float* dst);
};

extern const NormVariant norm_avx512, norm_avx2, norm_scalar;
inline constexpr const NormVariant* norm_variants[] = {&norm_avx512, &norm_avx2, &norm_scalar};

}  // namespace keel::kernels
