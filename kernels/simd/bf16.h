// bfloat16 in memory, float in lanes; include avx2.h or avx512.h first.
#pragma once

#include <stdint.h>
#include <string.h>

#include "kernels/bf16.h"

namespace keel::kernels::simd {
namespace {

/// The bits of the lanes, with the compiler's own operators.
typedef std::uint32_t Bits __attribute__((vector_size(sizeof(Vec))));
typedef std::uint16_t Halves __attribute__((vector_size(sizeof(Vec) / 2)));

inline Vec load_bf16(const std::uint16_t* p, AllLanes) { return load_upper_halves(p); }

/// Rounded to nearest, ties to even: the upper half of each lane, above whatever is in the lower one. A NaN is made
/// quiet instead, for rounding could carry it to infinity.
inline Vec rounded_bf16(Vec v) {
    const Bits bits = reinterpret_cast<Bits>(v);
    const Bits rounded = bits + 0x7fffU + (bits >> 16 & 1U), quiet = bits | 0x400000U;
    const Bits is_nan = reinterpret_cast<Bits>((bits & 0x7fffffffU) > 0x7f800000U);
    return reinterpret_cast<Vec>((is_nan & quiet) | (~is_nan & rounded));
}

inline Halves rounded_halves(Vec v) {
#ifdef __AVX512BF16__
    constexpr int kSubnormal = 0x20;  // which the instruction takes for zeros
    if (_mm512_fpclass_ps_mask(v, kSubnormal) == 0) return reinterpret_cast<Halves>(_mm512_cvtneps_pbh(v));
#endif
    return __builtin_convertvector(reinterpret_cast<Bits>(rounded_bf16(v)) >> 16, Halves);
}

inline void store_bf16(std::uint16_t* p, Vec v, AllLanes) {
    const Halves halves = rounded_halves(v);
    memcpy(p, &halves, sizeof halves);
}

#ifdef __AVX512BW__
inline Vec load_bf16(const std::uint16_t* p, FirstLanes lanes) {
    const __m256i halves = _mm256_maskz_loadu_epi16(lanes.mask, p);
    return reinterpret_cast<Vec>(__builtin_convertvector(reinterpret_cast<Halves>(halves), Bits) << 16);
}

inline void store_bf16(std::uint16_t* p, Vec v, FirstLanes lanes) {
    const Halves halves = __builtin_convertvector(reinterpret_cast<Bits>(rounded_bf16(v)) >> 16, Halves);
    _mm256_mask_storeu_epi16(p, lanes.mask, reinterpret_cast<__m256i>(halves));
}
#else  // no masks for 16 bits
inline Vec load_bf16(const std::uint16_t* p, FirstLanes lanes) {
    std::uint16_t halves[kWidth] = {};
    memcpy(halves, p, 2 * static_cast<size_t>(lanes.n));
    return load_bf16(halves, AllLanes{});
}

inline void store_bf16(std::uint16_t* p, Vec v, FirstLanes lanes) {
    std::uint16_t halves[kWidth];
    store_bf16(halves, v, AllLanes{});
    memcpy(p, halves, 2 * static_cast<size_t>(lanes.n));
}
#endif

/// What a map's elements are as lanes, for bodies of either type.
template <class Lanes>
inline Vec load(const std::uint16_t* p, Lanes lanes) {
    return load_bf16(p, lanes);
}
template <class Lanes>
inline Vec load(const Bf16* p, Lanes lanes) {
    return load_bf16(&p->bits, lanes);
}
template <class Lanes>
inline void store(Bf16* p, Vec v, Lanes lanes) {
    store_bf16(&p->bits, v, lanes);
}
template <class Bytes>
inline void stream_bytes(void* p, Bytes bytes) {
    if constexpr (sizeof(Bytes) == sizeof(__m256i))
        _mm256_stream_si256(static_cast<__m256i*>(p), reinterpret_cast<__m256i>(bytes));
    else
        _mm_stream_si128(static_cast<__m128i*>(p), reinterpret_cast<__m128i>(bytes));
}
/// Stores past the caches, to p aligned to half a vector.
inline void stream(Bf16* p, Vec v) { stream_bytes(p, rounded_halves(v)); }

}  // namespace
}  // namespace keel::kernels::simd
