// bf16: the upper half of an f32, as a number in memory. What is computed with it is computed in f32.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

namespace keel {

/// Converts from f32 by rounding to the nearest, ties to even, and to f32 exactly. A NaN becomes a quiet one, for
/// rounding could carry it to infinity.
struct Bf16 {
    std::uint16_t bits;

    Bf16() = default;
    constexpr Bf16(float value) : bits(rounded(std::bit_cast<std::uint32_t>(value))) {}
    constexpr operator float() const { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

    static constexpr Bf16 of_bits(std::uint16_t bits) {
        Bf16 value;
        value.bits = bits;
        return value;
    }

private:
    static constexpr std::uint16_t rounded(std::uint32_t value) {
        if ((value & 0x7fffffffU) > 0x7f800000U) return static_cast<std::uint16_t>(value >> 16 | 0x40U);
        return static_cast<std::uint16_t>((value + 0x7fffU + (value >> 16 & 1U)) >> 16);
    }
};
static_assert(sizeof(Bf16) == 2 && std::is_trivially_copyable_v<Bf16>);

namespace kernels {

/// What numbers of a channel have where maps hold T: coefficients of bf16 are f32.
template <class T>
using Param = std::conditional_t<std::is_same_v<T, Bf16>, float, T>;

constexpr float from_bf16(std::uint16_t bits) { return Bf16::of_bits(bits); }
constexpr std::uint16_t to_bf16(float value) { return Bf16(value).bits; }

}  // namespace kernels
}  // namespace keel
