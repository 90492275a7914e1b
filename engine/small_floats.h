// IEEE half precision, as files hold it. bf16, the other float of 16 bits, is kernels/bf16.h.
#pragma once

#include <bit>
#include <cstdint>

namespace keel {

/// IEEE half precision: 1 sign, 5 exponent, 10 mantissa bits. Exact.
inline float from_half(std::uint16_t half) {
    const std::uint32_t sign = (half & 0x8000U) << 16, exponent = (half >> 10) & 31U, mantissa = half & 0x3FFU;
    if (exponent == 0)
        return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(static_cast<float>(mantissa) * 0x1p-24F));
    const std::uint32_t wide = exponent == 31 ? 255U : exponent + 112U;
    return std::bit_cast<float>(sign | wide << 23 | mantissa << 13);
}

/// Rounds to the nearest, ties to even; what is beyond the largest, 65504, becomes infinity.
inline std::uint16_t to_half(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = bits >> 16 & 0x8000U, magnitude = bits & 0x7FFFFFFFU;
    if (magnitude > 0x7F800000U) return static_cast<std::uint16_t>(sign | 0x7E00U);   // NaN
    if (magnitude >= 0x477FF000U) return static_cast<std::uint16_t>(sign | 0x7C00U);  // 65520 and more
    if (magnitude < 0x38800000U) {  // below 2^-14: a multiple of 2^-24, which adding 0.5 rounds to
        const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
        return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3F000000U));
    }
    return static_cast<std::uint16_t>(sign | (((magnitude + 0xFFFU + (magnitude >> 13 & 1U)) >> 13) - (112U << 10)));
}

}  // namespace keel
