// Plain loops: the scalar variant of float, and what double runs on.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernels/loss/variants.h"

namespace keel::kernels::reference {

template <class T>
SoftmaxSums softmax(std::int64_t classes, const T* src, T* dst) {
    const T largest = *std::max_element(src, src + classes);
    double total = 0;
    for (std::int64_t i = 0; i < classes; ++i) total += static_cast<double>(dst[i] = std::exp(src[i] - largest));
    for (std::int64_t i = 0; i < classes; ++i) dst[i] /= static_cast<T>(total);
    return {static_cast<double>(largest), total};
}

template <class T>
void subtract_scale(std::int64_t classes, const T* p, T base, T factor, T* dst) {
    for (std::int64_t i = 0; i < classes; ++i) dst[i] = factor * (p[i] - base);
}

/// log(1 + exp(x)); a NaN stays NaN.
inline double softplus(double x) { return (x <= 0 ? 0 : x) + std::log1p(std::exp(-std::abs(x))); }

template <class T>
T sigmoid(T x) {
    const T e = std::exp(-std::abs(x));
    return (x > 0 ? 1 : e) / (1 + e);
}

template <class T>
BceSums sigmoid_bce(const LossGeometry& g, const T* logits, const float* targets, const float* positive_weights) {
    BceSums sums{0, 0};
    for (std::int64_t at = 0; at < g.n * g.classes; ++at) {
        const double t = static_cast<double>(targets[at]), w = static_cast<double>(positive_weights[at % g.classes]);
        const double x = static_cast<double>(logits[at]);
        if (t < 0) continue;
        sums.loss += (1 - t) * softplus(x) + w * t * softplus(-x);
        sums.present += 1;
    }
    return sums;
}

template <class T>
void sigmoid_bce_backward(const LossGeometry& g, const T* logits, const float* targets, const float* positive_weights,
                          T factor, T* diff_logits) {
    for (std::int64_t at = 0; at < g.n * g.classes; ++at) {
        const T t = static_cast<T>(targets[at]), w = static_cast<T>(positive_weights[at % g.classes]), x = logits[at];
        diff_logits[at] = t < 0 ? T(0) : factor * ((1 - t) * sigmoid(x) - w * t * sigmoid(-x));
    }
}

}  // namespace keel::kernels::reference
