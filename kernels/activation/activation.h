// Functions of one number, applied element by element: what networks put between their layers. The same bits on every
// ISA.
//
// Error: u is 2^-24, the unit roundoff. Where a result is subnormal, half of the least subnormal, 2^-150, comes on top,
// and |x| times the least one where it is x times a number that is subnormal.
//   relu, clip, abs, neg            exact
//   leaky_relu, sqrt, reciprocal    u: one rounding
//   hard_sigmoid, hard_swish        2 u |alpha x| + u |beta| before the clamp; hard_swish that times |x|, and u more
//   exp                             3 u
//   log                             4 u
//   elu                             5 u
//   sigmoid, silu, tanh, erf        8 u
//   softplus                        8 u
//   gelu, mish                      16 u
//   gelu_tanh                       (12 + 8 |k|) u, k = sqrt(2 / pi) (x + 0.044715 x^3), which is rounded and then
//                                   the argument of an exponential
// all relative to the result. A NaN stays NaN; at the infinities the result is the limit.
#pragma once

#include <cstdint>

#include "kernels/eltwise/eltwise.h"

namespace keel::kernels {

enum class ActivationKind : std::uint8_t {
    none,          ///< x
    relu,          ///< max(0, x)
    leaky_relu,    ///< x where x > 0, else alpha x
    elu,           ///< x where x > 0, else alpha (exp(x) - 1)
    clip,          ///< min(beta, max(alpha, x))
    sigmoid,       ///< 1 / (1 + exp(-x))
    hard_sigmoid,  ///< min(1, max(0, alpha x + beta))
    hard_swish,    ///< x min(1, max(0, x / 6 + 1 / 2))
    silu,          ///< x sigmoid(x)
    tanh,
    erf,
    gelu,       ///< x (1 + erf(x / sqrt(2))) / 2
    gelu_tanh,  ///< x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
    exp,
    log,  ///< NaN below 0
    sqrt,
    abs,
    neg,
    reciprocal,
    softplus,  ///< log(1 + exp(x))
    mish,      ///< x tanh(softplus(x))
};

/// The kinds' names in files, by their numbers.
inline constexpr const char* kActivationNames[] = {
    "none",       "relu", "leaky_relu", "elu", "clip",       "sigmoid",   "hard_sigmoid",
    "hard_swish", "silu", "tanh",       "erf", "gelu",       "gelu_tanh", "exp",
    "log",        "sqrt", "abs",        "neg", "reciprocal", "softplus",  "mish"};

/// A kind and its numbers, where it has some. ReLU6 is {clip, 0, 6}.
struct Activation {
    ActivationKind kind = ActivationKind::none;
    float alpha = 0, beta = 0;

    bool operator==(const Activation&) const = default;
};

/// dst = activation(src)
void activation_forward(const Activation& activation, const UnaryGeometry& g, const float* src, float* dst);

}  // namespace keel::kernels
