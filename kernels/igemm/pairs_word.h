// The products of bf16 by the instructions of AVX512_BF16. Include avx512.h first.
#pragma once

#include "kernels/simd/bf16.h"

namespace keel::kernels::simd {
namespace {

/// Takes the halves of a vector in turn from its lower and its upper half.
alignas(64) constexpr std::uint16_t kInterleave[] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                     8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};

/// As for the products, numbers below the smallest normal one are zeros for these conversions.
struct Bf16Word {
    static constexpr bool kRounds = true;
    template <class Lanes>
    static Vec load_half(const std::uint16_t* p, Lanes lanes) {
        return load_bf16(p, lanes);
    }
    static void store_half(std::uint16_t* p, Vec v, AllLanes) {
        const __m256bh halves = _mm512_cvtneps_pbh(v);
        memcpy(p, &halves, sizeof halves);
    }
    static void store_half(std::uint16_t* p, Vec v, FirstLanes lanes) {
        std::uint16_t halves[kWidth];
        store_half(halves, v, AllLanes{});
        memcpy(p, halves, 2 * static_cast<size_t>(lanes.n));
    }
    static Bits lower(Vec v) {
        __m256i halves;
        const __m256bh rounded = _mm512_cvtneps_pbh(v);
        memcpy(&halves, &rounded, sizeof halves);
        return reinterpret_cast<Bits>(_mm512_cvtepu16_epi32(halves));
    }
    static Bits upper(Vec v) { return lower(v) << 16; }
    static Bits pair(Vec even, Vec odd) {
        __m512i halves;
        const __m512bh rounded = _mm512_cvtne2ps_pbh(odd, even);  // those of `even` first
        memcpy(&halves, &rounded, sizeof halves);
        return reinterpret_cast<Bits>(_mm512_permutexvar_epi16(_mm512_loadu_si512(kInterleave), halves));
    }
    static Vec multiply_add(Vec a, Vec b, Vec sum) {
        return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
    }
};

}  // namespace
}  // namespace keel::kernels::simd
