// Exponential and logarithm in float lanes; include avx2.h or avx512.h first. Polynomials of Cephes (S. Moshier): expf,
// logf.
#pragma once

namespace keel::kernels::simd {
namespace {

/// exp(x) for x <= 0 within 2 ulp; 0 below -87.3, where the result would be subnormal. NaN stays NaN.
inline Vec exp_nonpositive(Vec x) {
    const Vec lowest = broadcast(-87.3F);
    const Vec bounded = max(lowest, x);
    const Vec n = round(bounded * broadcast(1.44269504F));
    // r = x - n log 2; the first part of log 2 has few digits, so that its product with n is exact
    const Vec r = fma(n, broadcast(2.12194440e-4F), fma(n, broadcast(-0.693359375F), bounded));
    Vec p = fma(broadcast(1.9875691500e-4F), r, broadcast(1.3981999507e-3F));
    p = fma(p, r, broadcast(8.3334519073e-3F));
    p = fma(p, r, broadcast(4.1665795894e-2F));
    p = fma(p, r, broadcast(1.6666665459e-1F));
    p = fma(p, r, broadcast(5.0000001201e-1F));
    const Vec result = (fma(p, r * r, r) + broadcast(1)) * power_of_two(n);
    return clear(greater(lowest, x), result);
}

/// log(1 + e) for 0 <= e <= 1 within 3 ulp. NaN stays NaN.
inline Vec log1p_unit(Vec e) {
    const Vec one = broadcast(1), u = one + e;
    const Vec lost = (e - (u - one)) / u;  // what rounding 1 + e lost, to first order
    const Mask large = greater(u, broadcast(1.41421356F));
    const Vec x = choose(large, fma(u, broadcast(0.5F), broadcast(-1)), u - one);
    Vec p = fma(broadcast(7.0376836292e-2F), x, broadcast(-1.1514610310e-1F));
    p = fma(p, x, broadcast(1.1676998740e-1F));
    p = fma(p, x, broadcast(-1.2420140846e-1F));
    p = fma(p, x, broadcast(1.4249322787e-1F));
    p = fma(p, x, broadcast(-1.6668057665e-1F));
    p = fma(p, x, broadcast(2.0000714765e-1F));
    p = fma(p, x, broadcast(-2.4999993993e-1F));
    p = fma(p, x, broadcast(3.3333331174e-1F));
    const Vec squared = x * x;
    const Vec log_x = x + fma(squared, broadcast(-0.5F), p * x * squared);
    return log_x + lost + keep(large, broadcast(0.693147181F));
}

}  // namespace
}  // namespace keel::kernels::simd
