// Plain loops: the scalar variant of float, and what double runs on.
#pragma once

#include <cmath>

#include "kernels/optimizer/variants.h"

namespace keel::kernels::reference {

template <class T>
void sgd(std::int64_t n, const SgdStep& step, const T* diff_weights, T* velocity, T* weights) {
    const T decay = static_cast<T>(step.weight_decay), momentum = static_cast<T>(step.momentum),
            rate = static_cast<T>(step.lr);
    for (std::int64_t i = 0; i < n; ++i) {
        T g = diff_weights[i] + decay * weights[i];
        if (velocity != nullptr) {
            velocity[i] = step.first ? g : momentum * velocity[i] + g;
            g = step.nesterov ? g + momentum * velocity[i] : velocity[i];
        }
        weights[i] -= rate * g;
    }
}

template <class T>
void adam(std::int64_t n, const AdamConstants& a, const T* diff_weights, T* first_moment, T* second_moment,
          T* weights) {
    const T decay = static_cast<T>(a.decay), keep = static_cast<T>(a.keep), rate = static_cast<T>(a.rate);
    const T beta1 = static_cast<T>(a.beta1), taken1 = static_cast<T>(1 - a.beta1), eps = static_cast<T>(a.eps);
    const T beta2 = static_cast<T>(a.beta2), taken2 = static_cast<T>(1 - a.beta2),
            correction = static_cast<T>(a.correction);
    for (std::int64_t i = 0; i < n; ++i) {
        const T g = diff_weights[i] + decay * weights[i];
        const T m = first_moment[i] = beta1 * first_moment[i] + taken1 * g;
        const T v = second_moment[i] = beta2 * second_moment[i] + taken2 * g * g;
        weights[i] = keep * weights[i] - rate * (m / (std::sqrt(v) * correction + eps));
    }
}

}  // namespace keel::kernels::reference
