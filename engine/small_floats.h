// Floating-point numbers of 16 bits, as files hold them.
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

/// The upper half of a float. Exact.
inline float from_bfloat(std::uint16_t value) { return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16); }

}  // namespace keel
