// The upper half of an f32, as a number of its own: bf16.
#pragma once

#include <bit>
#include <cstdint>

namespace keel::kernels {

/// Exact.
constexpr float from_bf16(std::uint16_t value) { return std::bit_cast<float>(std::uint32_t{value} << 16); }

/// Rounded to nearest, ties to even; a NaN is made quiet instead, for rounding could carry it to infinity.
constexpr std::uint16_t to_bf16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7fffffffU) > 0x7f800000U) return static_cast<std::uint16_t>(bits >> 16 | 0x40U);
    return static_cast<std::uint16_t>((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
}

}  // namespace keel::kernels
