// What `tdpbf16ps` makes of one sum, to the bit, in plain code: Intel's manual, as kernels/simd/tiles.h words it.
#pragma once

#include <stdint.h>
#include <string.h>

namespace keel::test {
namespace {

/// Numbers below the smallest normal one become zeros. Whether a result is below is asked of what was rounded.
inline float flushed(float value) {
    return __builtin_fabsf(value) < 0x1p-126F ? __builtin_copysignf(0.0F, value) : value;
}

inline float float_of_half(std::uint16_t half) {
    const std::uint32_t bits = std::uint32_t{half} << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return flushed(value);
}

/// Returns sum + (a[0] b[0] + a[2] b[2] + ...) + (a[1] b[1] + a[3] b[3] + ...) over `pairs` pairs of float_of_half();
/// both sums in brackets are made of fused multiply-adds in this order, then added, then added to `sum`. Pairs of b are
/// b_step apart.
inline float sum_of_pairs(float sum, const float* a, const float* b, std::int64_t pairs, std::int64_t b_step) {
    float even = 0, odd = 0;
    for (std::int64_t k = 0; k < pairs; ++k) {
        even = flushed(__builtin_fmaf(a[2 * k], b[k * b_step], even));
        odd = flushed(__builtin_fmaf(a[2 * k + 1], b[k * b_step + 1], odd));
    }
    return flushed(flushed(sum) + flushed(even + odd));
}

}  // namespace
}  // namespace keel::test
