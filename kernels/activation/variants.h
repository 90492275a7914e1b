// The variants of activations: serial, over the whole of the geometry they are given.
#pragma once

#include "kernels/activation/activation.h"
#include "kernels/isa.h"

namespace keel::kernels {

struct ActivationVariant {
    Isa isa;
    void (*forward)(const Activation& activation, const UnaryGeometry& g, const float* src, float* dst);
};

extern const ActivationVariant activation_avx512, activation_avx2, activation_scalar;
inline constexpr const ActivationVariant* activation_variants[] = {&activation_avx512, &activation_avx2,
                                                                   &activation_scalar};

}  // namespace keel::kernels
