// Optimizer updates in float lanes; the constants are rounded once, from double.
#pragma once

#include "kernels/optimizer/variants.h"
#include "kernels/simd/loops.h"

namespace keel::kernels::simd {
namespace {

inline Vec constant(double value) { return broadcast(static_cast<float>(value)); }

void sgd(std::int64_t n, const SgdStep& step, const float* diff_weights, float* velocity, float* weights) {
    const Vec decay = constant(step.weight_decay), momentum = constant(step.momentum), rate = constant(-step.lr);
    const bool first = step.first, nesterov = step.nesterov;
    for_lanes(n, [=](std::int64_t i, auto lanes) {
        const Vec w = load(weights + i, lanes);
        Vec g = fma(decay, w, load(diff_weights + i, lanes));
        if (velocity != nullptr) {
            const Vec v = first ? g : fma(momentum, load(velocity + i, lanes), g);
            store(velocity + i, v, lanes);
            g = nesterov ? fma(momentum, v, g) : v;
        }
        store(weights + i, fma(rate, g, w), lanes);
    });
}

void adam(std::int64_t n, const AdamConstants& a, const float* diff_weights, float* first_moment, float* second_moment,
          float* weights) {
    const Vec decay = constant(a.decay), kept = constant(a.keep), rate = constant(-a.rate), eps = constant(a.eps);
    const Vec beta1 = constant(a.beta1), taken1 = constant(1 - a.beta1);
    const Vec beta2 = constant(a.beta2), taken2 = constant(1 - a.beta2), correction = constant(a.correction);
    for_lanes(n, [=](std::int64_t i, auto lanes) {
        const Vec w = load(weights + i, lanes);
        const Vec g = fma(decay, w, load(diff_weights + i, lanes));
        const Vec m = fma(beta1, load(first_moment + i, lanes), taken1 * g);
        const Vec v = fma(beta2, load(second_moment + i, lanes), taken2 * g * g);
        store(first_moment + i, m, lanes);
        store(second_moment + i, v, lanes);
        store(weights + i, fma(kept, w, rate * (m / fma(sqrt(v), correction, eps))), lanes);
    });
}

constexpr OptimizerVariant<float> kOptimizer{kIsa, sgd, adam};

}  // namespace
}  // namespace keel::kernels::simd
