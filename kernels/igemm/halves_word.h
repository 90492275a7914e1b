// The products of bf16 where no instruction multiplies them: as f32, whose upper halves they are. Include avx2.h or
// avx512.h first.
#pragma once

#include "kernels/simd/bf16.h"

namespace keel::kernels::simd {
namespace {

struct Bf16Word {
    static constexpr bool kRounds = true;
    template <class Lanes>
    static Vec load_half(const std::uint16_t* p, Lanes lanes) {
        return load_bf16(p, lanes);
    }
    template <class Lanes>
    static void store_half(std::uint16_t* p, Vec v, Lanes lanes) {
        store_bf16(p, v, lanes);
    }
    /// Lanes rounded, each in the lower or in the upper half of a word.
    static Bits lower(Vec v) { return reinterpret_cast<Bits>(rounded_bf16(v)) >> 16; }
    static Bits upper(Vec v) { return reinterpret_cast<Bits>(rounded_bf16(v)) & 0xffff0000U; }
    static Bits pair(Vec even, Vec odd) { return lower(even) | upper(odd); }
    static Vec multiply_add(Vec a, Vec b, Vec sum) {
        const Bits x = reinterpret_cast<Bits>(a), y = reinterpret_cast<Bits>(b);
        const Vec first = fma(reinterpret_cast<Vec>(x << 16), reinterpret_cast<Vec>(y << 16), sum);
        return fma(reinterpret_cast<Vec>(x & 0xffff0000U), reinterpret_cast<Vec>(y & 0xffff0000U), first);
    }
};

}  // namespace
}  // namespace keel::kernels::simd
