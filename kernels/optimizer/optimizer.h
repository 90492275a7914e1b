// Optimizer updates over n weights, in the order of operations of PyTorch's (foreach=False) implementations.
// T is float (dispatched by ISA) or double (the reference).
#pragma once

#include <cstdint>

namespace keel::kernels {

struct SgdStep {
    double lr, momentum, weight_decay;
    bool nesterov;
    bool first;  ///< velocity holds nothing yet: it becomes the gradient
};

/// g = diff + weight_decay * w;  v = first ? g : momentum * v + g;  w -= lr * (nesterov ? g + momentum * v : v).
/// velocity may be null if momentum == 0 (then w -= lr * g).
template <class T>
void sgd_update(std::int64_t n, const SgdStep& step, const T* diff_weights, T* velocity, T* weights);

struct AdamStep {
    double lr, beta1, beta2, eps, weight_decay;
    bool decoupled;  ///< AdamW (Loshchilov & Hutter 2019): w -= lr * weight_decay * w first; else added to the gradient
    std::int64_t number;  ///< of this update, from 1
};

/// m = beta1 * m + (1 - beta1) * g;  v = beta2 * v + (1 - beta2) * g * g;
/// w -= lr / (1 - beta1^number) * m / (sqrt(v) / sqrt(1 - beta2^number) + eps)   (Kingma & Ba 2015)
template <class T>
void adam_update(std::int64_t n, const AdamStep& step, const T* diff_weights, T* first_moment, T* second_moment,
                 T* weights);

}  // namespace keel::kernels
