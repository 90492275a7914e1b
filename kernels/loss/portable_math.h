// Exponential and logarithm in additions, multiplications and divisions of doubles, each of which IEEE 754 rounds in
// one way: the same bits on every processor. The C library's are not: it has several of each, with and without fused
// multiply-adds, and takes the one that the processor runs best. u is 2^-53, half the distance between 1 and the next
// double.
#pragma once

#include <bit>
#include <cstdint>
#include <initializer_list>
#include <limits>

namespace keel::kernels::portable {

/// log 2 in two parts. The first has 32 digits, so that its product with a whole number below 2^20 is exact.
inline constexpr double kLog2High = 0x1.62e42fee00000p-1, kLog2Low = 0x1.a39ef35793c76p-33;

/// exp(x) for x <= 0 within 2 u of it; 0 below -708, where the result would soon be subnormal. NaN stays NaN.
inline double exp_nonpositive(double x) {
    constexpr double kLowest = -708,
                     kRound = 0x1.8p52;  // adding the last and taking it off again rounds to a whole number
    if (!(x >= kLowest)) return x < kLowest ? 0 : x;
    const double n = (x * 0x1.71547652b82fep0 + kRound) - kRound;
    const double r = (x - n * kLog2High) - n * kLog2Low;  // |r| <= log(2) / 2
    // Taylor's series; r^14 / 14! is less than 0.04 u
    double p = 1.0 / 6227020800;
    for (const double coefficient : {1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320,
                                     1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 1.0 / 2, 1.0, 1.0})
        p = p * r + coefficient;
    return p * std::bit_cast<double>(static_cast<std::uint64_t>(static_cast<std::int64_t>(n) + 1023) << 52);
}

/// log(x) for normal x > 0 within 6 u of it. NaN and infinity stay.
inline double log(double x) {
    if (!(x <= std::numeric_limits<double>::max())) return x;
    // x = 2^k m with m within [sqrt(1/2), sqrt(2)); the constant is the bits of sqrt(1/2), cut off
    const auto bits = std::bit_cast<std::uint64_t>(x);
    const std::int64_t k = static_cast<std::int64_t>(bits - 0x3fe6a09e00000000) >> 52;
    const double m = std::bit_cast<double>(bits - (static_cast<std::uint64_t>(k) << 52));
    // log m = 2 artanh(s) = 2 (s + s^3 / 3 + ...); |s| < 0.172, and s^22 / 23 is less than 0.01 u
    const double f = m - 1, s = f / (2 + f), square = s * s;
    double p = 1.0 / 21;
    for (const double coefficient :
         {1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11, 1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3})
        p = p * square + coefficient;
    const double of_m = 2 * s + 2 * s * square * p, whole = static_cast<double>(k);
    return whole * kLog2High + (whole * kLog2Low + of_m);
}

/// log(1 + e) for 0 <= e <= 1 within 8 u of it. NaN stays NaN.
inline double log1p_unit(double e) {
    const double sum = 1 + e;
    return log(sum) + (e - (sum - 1)) / sum;  // the second: what rounding 1 + e lost, to first order
}

}  // namespace keel::kernels::portable
