// Exponential and logarithm in float lanes; include avx2.h, avx512.h or one_lane.h first. Polynomials of Cephes (S.
// Moshier): expf, logf. ulp: distances between floats at the result.
#pragma once

namespace keel::kernels::simd {
namespace {

/// exp(x) = 2^n (1 + m), n integral, m from -0.3 to 0.42.
struct ExpParts {
    Vec n, m;
};

inline ExpParts exp_parts(Vec x) {
    const Vec n = round(x * broadcast(1.44269504F));
    // r = x - n log 2; the first part of log 2 has few digits, so that its product with n is exact
    const Vec r = fma(n, broadcast(2.12194440e-4F), fma(n, broadcast(-0.693359375F), x));
    Vec p = fma(broadcast(1.9875691500e-4F), r, broadcast(1.3981999507e-3F));
    p = fma(p, r, broadcast(8.3334519073e-3F));
    p = fma(p, r, broadcast(4.1665795894e-2F));
    p = fma(p, r, broadcast(1.6666665459e-1F));
    p = fma(p, r, broadcast(5.0000001201e-1F));
    return {n, fma(p, r * r, r)};
}

/// exp(x) for x <= 0 within 2 ulp; 0 below -87.3, where the result would be subnormal. NaN stays NaN.
inline Vec exp_nonpositive(Vec x) {
    const Vec lowest = broadcast(-87.3F);
    const ExpParts parts = exp_parts(max(lowest, x));
    return clear(greater(lowest, x), (parts.m + broadcast(1)) * power_of_two(parts.n));
}

/// exp(x) within 2 ulp; a subnormal result is rounded once more. NaN stays NaN.
inline Vec exp(Vec x) {
    const ExpParts parts = exp_parts(min(broadcast(89), max(broadcast(-104), x)));
    const Vec half = round(parts.n * broadcast(0.5F));  // 2^n itself may not be a normal number
    return (parts.m + broadcast(1)) * power_of_two(half) * power_of_two(parts.n - half);
}

/// exp(x) - 1 for x <= 0 within 2 ulp. NaN stays NaN.
inline Vec expm1_nonpositive(Vec x) {
    const ExpParts parts = exp_parts(max(broadcast(-80), x));
    const Vec power = power_of_two(parts.n);
    return fma(power, parts.m, power - broadcast(1));
}

/// log(1 + x) + `rest`, which is small beside it, for 1 + x from sqrt(1/2) to sqrt(2).
inline Vec log1p_near_zero(Vec x, Vec rest) {
    Vec p = fma(broadcast(7.0376836292e-2F), x, broadcast(-1.1514610310e-1F));
    p = fma(p, x, broadcast(1.1676998740e-1F));
    p = fma(p, x, broadcast(-1.2420140846e-1F));
    p = fma(p, x, broadcast(1.4249322787e-1F));
    p = fma(p, x, broadcast(-1.6668057665e-1F));
    p = fma(p, x, broadcast(2.0000714765e-1F));
    p = fma(p, x, broadcast(-2.4999993993e-1F));
    p = fma(p, x, broadcast(3.3333331174e-1F));
    const Vec squared = x * x;
    return x + fma(squared, broadcast(-0.5F), p * x * squared + rest);
}

/// log(x) within 3 ulp; -infinity at 0, NaN below. NaN and infinity stay.
inline Vec log(Vec x) {
    const Mask small = greater(broadcast(0x1p-126F), x);
    const Parts parts = parts_of(choose(small, x * broadcast(0x1p25F), x));
    const Vec n = parts.exponent - keep(small, broadcast(25));
    const Vec of_fraction = log1p_near_zero(parts.fraction - broadcast(1), n * broadcast(-2.12194440e-4F));
    const Vec finite = fma(n, broadcast(0.693359375F), of_fraction);
    const Vec positive = choose(greater(broadcast(__builtin_inff()), x), finite, x);
    // at 0 minus infinity; the root of what is below, or NaN, is NaN
    const Vec rest = choose(equal(x, Vec{}), broadcast(-__builtin_inff()), sqrt(x));
    return choose(greater(x, Vec{}), positive, rest);
}

/// log(1 + e) for 0 <= e <= 1 within 3 ulp. NaN stays NaN.
inline Vec log1p_unit(Vec e) {
    const Vec one = broadcast(1), u = one + e;
    const Vec lost = (e - (u - one)) / u;  // what rounding 1 + e lost, to first order
    const Mask large = greater(u, broadcast(1.41421356F));
    const Vec x = choose(large, fma(u, broadcast(0.5F), broadcast(-1)), u - one);
    return log1p_near_zero(x, Vec{}) + lost + keep(large, broadcast(0.693147181F));
}

}  // namespace
}  // namespace keel::kernels::simd
