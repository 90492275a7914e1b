// The variants of the optimizer updates: serial.
#pragma once

#include "kernels/isa.h"
#include "kernels/optimizer/optimizer.h"

namespace keel::kernels {

/// An AdamStep with everything that does not depend on the element worked out in double:
///   g = diff + decay * w;  w = keep * w - rate * m / (sqrt(v) * correction + eps)
struct AdamConstants {
    double beta1, beta2, eps, decay, keep, rate, correction;
};

template <class T>
struct OptimizerVariant {
    Isa isa;
    void (*sgd)(std::int64_t n, const SgdStep& step, const T* diff_weights, T* velocity, T* weights);
    void (*adam)(std::int64_t n, const AdamConstants& a, const T* diff_weights, T* first_moment, T* second_moment,
                 T* weights);
};

extern const OptimizerVariant<float> optimizer_avx512, optimizer_avx2, optimizer_scalar;
inline constexpr const OptimizerVariant<float>* optimizer_variants[] = {&optimizer_avx512, &optimizer_avx2,
                                                                        &optimizer_scalar};

}  // namespace keel::kernels
