// The products of bf16 by the instructions of AVX512_BF16. Include avx512.h first.
#pragma once

#include "kernels/simd/bf16.h"

namespace keel::kernels::simd {
namespace {

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
    static Vec multiply_add(Vec a, Vec b, Vec sum) {
        return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
    }
};

}  // namespace
}  // namespace keel::kernels::simd
