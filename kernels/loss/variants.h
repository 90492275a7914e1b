// The variants of the losses: serial.
#pragma once

#include "kernels/cpu.h"
#include "kernels/loss/loss.h"

namespace keel::kernels {

/// log(sum of exp(x)) of a row is max + log(sum).
struct SoftmaxSums {
    double max, sum;  ///< sum of exp(x - max)
};

struct BceSums {
    double loss, present;
};

template <class T>
struct LossVariant {
    Isa isa;
    /// One row; src == dst is allowed.
    SoftmaxSums (*softmax)(std::int64_t classes, const T* src, T* dst);
    /// dst = factor * (p - base)
    void (*subtract_scale)(std::int64_t classes, const T* p, T base, T factor, T* dst);
    BceSums (*sigmoid_bce)(const LossGeometry& g, const T* logits, const float* targets, const float* positive_weights);
    /// diff_logits = factor * dl/dx
    void (*sigmoid_bce_backward)(const LossGeometry& g, const T* logits, const float* targets,
                                 const float* positive_weights, T factor, T* diff_logits);
};

extern const LossVariant<float> loss_avx512, loss_avx2, loss_scalar;
inline constexpr const LossVariant<float>* loss_variants[] = {&loss_avx512, &loss_avx2, &loss_scalar};

}  // namespace keel::kernels
