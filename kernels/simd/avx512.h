// Sixteen float lanes of AVX-512 (F, BW, DQ, VL); the twin of avx2.h, where the rules of these headers stand.
// KEEL_EMULATE_AVX512, set only by tests, names a header that imitates the intrinsics on AVX2, and the variants then
// present themselves as AVX2 ones: so they are tested on machines that lack AVX-512.
#pragma once

#ifdef KEEL_EMULATE_AVX512
#include KEEL_EMULATE_AVX512
#else
// GCC 12's own header warns about the registers that it leaves undefined on purpose (GCC bug 105593).
#pragma GCC diagnostic push
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

#include <cstdint>

#include "kernels/isa.h"

namespace keel::kernels::simd {
namespace {

/// What a variant says that it needs.
#ifdef KEEL_EMULATE_AVX512
constexpr Isa presented(const Isa&) { return Isa::avx2; }
#else
constexpr Isa presented(const Isa& isa) { return isa; }
#endif
constexpr Isa kIsa = presented(Isa::avx512);

/// Returns a variant as that of another ISA, for which the same body is compiled.
template <class Variant>
constexpr Variant as_of(const Isa& isa, Variant variant) {
    variant.isa = presented(isa);
    return variant;
}
constexpr std::int64_t kWidth = 16;
using Vec = __m512;
using Mask = __mmask16;

struct AllLanes {};

/// The first n lanes, 0 < n < kWidth: loads give 0 in the others, stores leave the others alone.
struct FirstLanes {
    int n;
    __mmask16 mask;
    explicit FirstLanes(std::int64_t count)
        : n(static_cast<int>(count)), mask(static_cast<__mmask16>((1U << n) - 1U)) {}
};

inline Vec broadcast(float value) { return _mm512_set1_ps(value); }
inline Vec load(const float* p, AllLanes) { return _mm512_loadu_ps(p); }
inline Vec load(const float* p, FirstLanes lanes) { return _mm512_maskz_loadu_ps(lanes.mask, p); }
inline void store(float* p, Vec v, AllLanes) { _mm512_storeu_ps(p, v); }
inline void store(float* p, Vec v, FirstLanes lanes) { _mm512_mask_storeu_ps(p, lanes.mask, v); }

/// Stores past the caches, to p aligned to the vector; fence() before another thread reads it.
inline void stream(float* p, Vec v) { _mm512_stream_ps(p, v); }
inline void fence() { _mm_sfence(); }

/// 0 in the lanes that `lanes` leaves out.
inline Vec only(AllLanes, Vec v) { return v; }
inline Vec only(FirstLanes lanes, Vec v) { return _mm512_maskz_mov_ps(lanes.mask, v); }

inline Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
inline Vec sqrt(Vec a) { return _mm512_sqrt_ps(a); }
inline Vec max(Vec a, Vec b) { return _mm512_max_ps(a, b); }  ///< b where either is NaN
inline Vec min(Vec a, Vec b) { return _mm512_min_ps(a, b); }  ///< likewise
inline Vec round(Vec a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
inline Vec magnitude(Vec a) { return _mm512_abs_ps(a); }
/// |a| with the sign of `sign`.
inline Vec copy_sign(Vec a, Vec sign) { return _mm512_or_ps(magnitude(a), _mm512_and_ps(broadcast(-0.0F), sign)); }
/// 2^n for an integral -126 <= n <= 127.
inline Vec power_of_two(Vec n) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23));
}
/// x = 2^exponent * fraction with fraction in [sqrt(1/2), sqrt(2)), for a normal x > 0.
struct Parts {
    Vec exponent, fraction;
};
inline Parts parts_of(Vec x) {
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i biased = _mm512_srli_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x3f800000 - 0x3f3504f3)), 23);
    const __m512i exponent = _mm512_sub_epi32(biased, _mm512_set1_epi32(127));
    return {_mm512_cvtepi32_ps(exponent), _mm512_castsi512_ps(_mm512_sub_epi32(bits, _mm512_slli_epi32(exponent, 23)))};
}

inline Mask greater(Vec a, Vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
/// Whether a ReLU lets through what it was given, or made: a > 0, or a NaN.
inline Mask passes(Vec a) { return _mm512_cmp_ps_mask(a, _mm512_setzero_ps(), _CMP_NLE_UQ); }
inline Mask equal(Vec a, Vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
/// a > b, or a is NaN and b is not: the order in which a NaN is the greatest.
inline Mask beats(Vec a, Vec b) {
    return static_cast<Mask>(_mm512_cmp_ps_mask(a, b, _CMP_NLE_UQ) & _mm512_cmp_ps_mask(b, b, _CMP_ORD_Q));
}
inline Vec choose(Mask m, Vec yes, Vec no) { return _mm512_mask_blend_ps(m, no, yes); }
inline Vec keep(Mask m, Vec a) { return _mm512_maskz_mov_ps(m, a); }                         ///< a where m, else 0
inline Vec clear(Mask m, Vec a) { return _mm512_mask_blend_ps(m, a, _mm512_setzero_ps()); }  ///< 0 where m, else a

/// The upper halves of lanes, above zeros.
inline Vec load_upper_halves(const std::uint16_t* p) {
    const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

inline Vec from_bytes(__m128i bytes) { return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes)); }
inline __m128i to_bytes(Vec v) { return _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v)); }
inline Vec load_bytes(const std::uint8_t* p, AllLanes) {
    return from_bytes(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline void store_bytes(std::uint8_t* p, Vec v, AllLanes) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), to_bytes(v));
}

/// A Vec's lanes in double.
struct Wide {
    __m512d low, high;
};
inline Wide widen(Vec v) {
    return {_mm512_cvtps_pd(_mm512_castps512_ps256(v)), _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1))};
}
inline Wide wide(double value) { return {_mm512_set1_pd(value), _mm512_set1_pd(value)}; }
/// Rounded to float.
inline Vec narrow(Wide a) {
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(a.low)), _mm512_cvtpd_ps(a.high), 1);
}
inline Wide load_wide(const double* p) { return {_mm512_loadu_pd(p), _mm512_loadu_pd(p + 8)}; }
inline void store_wide(double* p, Wide a) {
    _mm512_storeu_pd(p, a.low);
    _mm512_storeu_pd(p + 8, a.high);
}
inline Wide operator+(Wide a, Wide b) { return {a.low + b.low, a.high + b.high}; }
inline Wide operator-(Wide a, Wide b) { return {a.low - b.low, a.high - b.high}; }
inline Wide operator*(Wide a, Wide b) { return {a.low * b.low, a.high * b.high}; }
inline Wide fma(Wide a, Wide b, Wide c) {
    return {_mm512_fmadd_pd(a.low, b.low, c.low), _mm512_fmadd_pd(a.high, b.high, c.high)};
}
/// p[0, kWidth) += a
inline void add_to(double* p, Wide a) {
    _mm512_storeu_pd(p, _mm512_loadu_pd(p) + a.low);
    _mm512_storeu_pd(p + 8, _mm512_loadu_pd(p + 8) + a.high);
}

/// p[0, kWidth) rounded to float.
inline Vec load_narrow(const double* p) { return narrow(load_wide(p)); }

/// 64-bit integers, with the compiler's own operators.
typedef std::uint64_t Words __attribute__((vector_size(64)));
/// The products of the low 32 bits.
inline Words multiply_low(Words a, Words b) {
    return reinterpret_cast<Words>(_mm512_mul_epu32(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
}

}  // namespace
}  // namespace keel::kernels::simd
