// What activations are in double, and how far the kernels may be from it.
#pragma once

#include <cmath>

#include "kernels/activation/activation.h"
#include "tests/kernels/samples.h"

namespace keel::test {

/// The value of an activation at x, and the bound of kernels/activation/activation.h for the error at it.
struct ActivationTruth {
    ActivationTruth(const kernels::Activation& of, double x) : value(value_of(of, x)), bound(bound_of(of, x)) {}

    double value, bound;

private:
    static double sigmoid_of(double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }
    static double softplus_of(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }
    static double of_gelu(double x) { return std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x); }

    static double value_of(const kernels::Activation& of, double x) {
        using enum kernels::ActivationKind;
        const double alpha = of.alpha, beta = of.beta;
        switch (of.kind) {
            case none:
                return x;
            case relu:
                return x < 0 ? 0 : x;
            case leaky_relu:
                return x > 0 ? x : alpha * x;
            case elu:
                return x > 0 ? x : alpha * std::expm1(x);
            case clip:
                return x < alpha ? alpha : x > beta ? beta : x;
            case sigmoid:
                return sigmoid_of(x);
            case hard_sigmoid:
                return std::min(1.0, std::max(0.0, alpha * x + beta));
            case hard_swish:
                return x < -3 ? 0 : x * std::min(1.0, x / 6 + 0.5);
            case silu:
                return x < -800 ? 0 : x * sigmoid_of(x);
            case tanh:
                return std::tanh(x);
            case erf:
                return std::erf(x);
            case gelu:
                return x < -50 ? 0 : x * std::erfc(-x / std::sqrt(2.0)) / 2;
            case gelu_tanh:
                return x < -50 ? 0 : x * sigmoid_of(2 * of_gelu(x));
            case exp:
                return std::exp(x);
            case log:
                return std::log(x);
            case sqrt:
                return std::sqrt(x);
            case abs:
                return std::abs(x);
            case neg:
                return -x;
            case reciprocal:
                return 1 / x;
            case softplus:
                return softplus_of(x);
            case mish:
                return x < -800 ? 0 : x * std::tanh(softplus_of(x));
        }
        return 0;
    }

    double bound_of(const kernels::Activation& of, double x) const {
        using enum kernels::ActivationKind;
        constexpr double kLeast = 0x1p-150;
        const double size = std::abs(value);
        const auto relative = [&](double roundings) { return roundings * kRoundoff * size + kLeast; };
        switch (of.kind) {
            case none:
            case relu:
            case clip:
            case abs:
            case neg:
                return 0;
            case leaky_relu:
            case sqrt:
            case reciprocal:
                return relative(1);
            case hard_sigmoid:
                return kRoundoff * (2 * std::abs(of.alpha * x) + std::abs(double{of.beta}));
            case hard_swish:
                return std::abs(x) > 4 ? relative(1) : std::abs(x) * kRoundoff * (std::abs(x) / 3 + 1.5);
            case exp:
                return relative(3);
            case log:
                return relative(4);
            case elu:
                return relative(5);
            case sigmoid:
            case tanh:
            case erf:
            case softplus:
                return relative(8);
            case silu:
                return relative(8) + small(x);
            case gelu:
            case mish:
                return relative(16) + small(x);
            case gelu_tanh:
                return relative(12 + 8 * std::min(200.0, std::abs(of_gelu(x)))) + small(x);
        }
        return 0;
    }
    /// A subnormal factor of x.
    static double small(double x) { return std::min(200.0, std::abs(x)) * 0x1p-149; }
};

}  // namespace keel::test
