// The variants of linear layers: serial, over outputs [begin, end).
#pragma once

#include "kernels/isa.h"
#include "kernels/linear/linear.h"

namespace keel::kernels {

struct LinearVariant {
    Isa isa;
    void (*outputs)(const LinearGeometry& g, std::int64_t begin, std::int64_t end, const float* src,
                    const float* weights, const float* bias, float* dst);
};

extern const LinearVariant linear_avx512, linear_avx2, linear_scalar;
inline constexpr const LinearVariant* linear_variants[] = {&linear_avx512, &linear_avx2, &linear_scalar};

}  // namespace keel::kernels
