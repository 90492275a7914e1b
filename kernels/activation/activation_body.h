// Activations in float lanes; see activation.h for what they compute. Every ISA does the same operations, so that the
// results are the same to the bit.
#pragma once

#include "kernels/activation/variants.h"
#include "kernels/simd/exp.h"
#include "kernels/simd/loops.h"

namespace keel::kernels::simd {
namespace {

/// Where a factor of x has long become 0: so that minus infinity times it is 0.
constexpr float kLeastFactor = -200;

/// exp(-|x|) and the numerator of sigmoid(x) = numerator / (1 + exp(-|x|)).
struct SigmoidParts {
    Vec e, numerator;
};
inline SigmoidParts sigmoid_parts(Vec x) {
    const Vec e = exp(-magnitude(x));
    return {e, choose(greater(Vec{}, x), e, broadcast(1))};
}
inline Vec sigmoid(Vec x) {
    const SigmoidParts parts = sigmoid_parts(x);
    return parts.numerator / (broadcast(1) + parts.e);
}
/// scale * x * sigmoid(y) with x and y of one sign
inline Vec times_sigmoid(Vec x, Vec y) {
    const SigmoidParts parts = sigmoid_parts(y);
    return max(broadcast(kLeastFactor), x) * parts.numerator / (broadcast(1) + parts.e);
}

inline Vec hard_sigmoid(Vec x, Vec alpha, Vec beta) { return max(Vec{}, min(broadcast(1), fma(alpha, x, beta))); }

inline Vec tanh(Vec x) {
    const Vec t = expm1_nonpositive(broadcast(-2) * magnitude(x));
    return copy_sign(t / (t + broadcast(2)), x);
}

/// exp(x^2 / 2) P(Z > x) for a normal Z and 0 <= x <= 15 within 4 u. The polynomial in (x - 2.5) / (x + 2.5) is of
/// least relative error, 2^-27, for this times 1 + 2.5 x.
inline Vec scaled_tail(Vec x) {
    const Vec q = (x - broadcast(2.5F)) / (x + broadcast(2.5F));
    Vec p = fma(broadcast(-1.950705919e-4F), q, broadcast(-6.008656346e-4F));
    p = fma(p, q, broadcast(2.897140221e-4F));
    p = fma(p, q, broadcast(3.696043743e-3F));
    p = fma(p, q, broadcast(1.976629719e-3F));
    p = fma(p, q, broadcast(-1.954823546e-2F));
    p = fma(p, q, broadcast(-1.406364888e-2F));
    p = fma(p, q, broadcast(1.519816220e-1F));
    p = fma(p, q, broadcast(-2.639952898e-1F));
    p = fma(p, q, broadcast(1.131359413e-1F));
    p = fma(p, q, broadcast(1.024652123F));
    return p / fma(broadcast(2.5F), x, broadcast(1));
}

/// exp(-a b), its argument in two floats.
inline Vec exp_of_product(Vec a, Vec b) {
    const Vec product = a * b, lost = fma(a, b, -product), e = exp(-product);
    return fma(-e, lost, e);
}

inline Vec erf(Vec x) {
    const Vec a = min(broadcast(10), magnitude(x)), s = a * a;
    Vec p = fma(broadcast(7.964419638e-5F), s, broadcast(-8.037584485e-4F));
    p = fma(p, s, broadcast(5.190598313e-3F));
    p = fma(p, s, broadcast(-2.685444988e-2F));
    p = fma(p, s, broadcast(1.128358319e-1F));
    p = fma(p, s, broadcast(-3.761262298e-1F));
    p = fma(p, s, broadcast(1.283791661e-1F));  // erf(a) / a - 1 for a <= 1, of least relative error of erf(a) / a
    const Vec tail = exp_of_product(a, a) * scaled_tail(a * broadcast(1.41421356F));
    return copy_sign(choose(greater(a, broadcast(1)), fma(broadcast(-2), tail, broadcast(1)), fma(p, a, a)), x);
}

inline Vec gelu(Vec x) {
    const Vec a = min(broadcast(15), magnitude(x));
    const Vec tail = exp_of_product(a * broadcast(0.5F), a) * scaled_tail(a);
    return fma(-a, tail, max(Vec{}, x));
}

/// k = sqrt(2 / pi) (x + 0.044715 x^3); (1 + tanh(k)) / 2 is sigmoid(2 k).
inline Vec gelu_tanh(Vec x) {
    const Vec k = x * fma(x * x, broadcast(0.0713548163F), broadcast(1.59576912F));
    return times_sigmoid(x, k);
}

inline Vec softplus(Vec x) { return max(Vec{}, x) + log1p_unit(exp(-magnitude(x))); }

/// tanh(log(1 + e)) = e (e + 2) / (e (e + 2) + 2)
inline Vec mish(Vec x) {
    const Vec e = exp(min(broadcast(20), x)), product = e * (e + broadcast(2));
    return max(broadcast(kLeastFactor), x) * (product / (product + broadcast(2)));
}

template <class Function>
inline void map(const UnaryGeometry& g, const float* src, float* dst, Function function) {
    for (std::int64_t r = 0; r < g.rows; ++r, src += g.src_ld, dst += g.dst_ld)
        for_lanes(g.c, [&](std::int64_t i, auto lanes) { store(dst + i, function(load(src + i, lanes)), lanes); });
}

/// Returns function(x) where x > 0 is false, else x.
template <class Function>
inline auto below_zero(Function function) {
    return [=](Vec x) { return choose(greater(x, Vec{}), x, function(x)); };
}

void activation_forward(const Activation& activation, const UnaryGeometry& g, const float* src, float* dst) {
    const Vec alpha = broadcast(activation.alpha), beta = broadcast(activation.beta);
    const auto apply = [&](auto function) { map(g, src, dst, function); };
    switch (activation.kind) {
        case ActivationKind::none:
            return apply([](Vec x) { return x; });
        case ActivationKind::relu:
            return apply([](Vec x) { return relu(x); });
        case ActivationKind::leaky_relu:
            return apply(below_zero([=](Vec x) { return alpha * x; }));
        case ActivationKind::elu:
            return apply(below_zero([=](Vec x) { return alpha * expm1_nonpositive(x); }));
        case ActivationKind::clip:
            return apply([=](Vec x) { return min(beta, max(alpha, x)); });
        case ActivationKind::sigmoid:
            return apply([](Vec x) { return sigmoid(x); });
        case ActivationKind::hard_sigmoid:
            return apply([=](Vec x) { return hard_sigmoid(x, alpha, beta); });
        case ActivationKind::hard_swish:
            return apply([](Vec x) {
                return max(broadcast(kLeastFactor), x) * hard_sigmoid(x, broadcast(1.0F / 6), broadcast(0.5F));
            });
        case ActivationKind::silu:
            return apply([](Vec x) { return times_sigmoid(x, x); });
        case ActivationKind::tanh:
            return apply([](Vec x) { return tanh(x); });
        case ActivationKind::erf:
            return apply([](Vec x) { return erf(x); });
        case ActivationKind::gelu:
            return apply([](Vec x) { return gelu(x); });
        case ActivationKind::gelu_tanh:
            return apply([](Vec x) { return gelu_tanh(x); });
        case ActivationKind::exp:
            return apply([](Vec x) { return exp(x); });
        case ActivationKind::log:
            return apply([](Vec x) { return log(x); });
        case ActivationKind::sqrt:
            return apply([](Vec x) { return sqrt(x); });
        case ActivationKind::abs:
            return apply([](Vec x) { return magnitude(x); });
        case ActivationKind::neg:
            return apply([](Vec x) { return -x; });
        case ActivationKind::reciprocal:
            return apply([](Vec x) { return broadcast(1) / x; });
        case ActivationKind::softplus:
            return apply([](Vec x) { return softplus(x); });
        case ActivationKind::mish:
            return apply([](Vec x) { return mish(x); });
    }
}

constexpr ActivationVariant kActivation{kIsa, activation_forward};

}  // namespace
}  // namespace keel::kernels::simd
