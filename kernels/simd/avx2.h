// Eight float lanes of AVX2 and FMA, the vocabulary that the `*_body.h` files are written in; avx512.h is its twin.
// Everything has internal linkage and nothing of the STL is used, so that no code made with these flags can be linked
// into the path of an older processor. + - * / on Vec are the compiler's own operators.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "kernels/isa.h"

namespace keel::kernels::simd {
namespace {

constexpr Isa kIsa = Isa::avx2;
constexpr std::int64_t kWidth = 8;
using Vec = __m256;
using Mask = __m256;

struct AllLanes {};

/// The first n lanes, 0 < n < kWidth: loads give 0 in the others, stores leave the others alone.
struct FirstLanes {
    int n;
    __m256i mask;
    explicit FirstLanes(std::int64_t count)
        : n(static_cast<int>(count)),
          mask(_mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))) {}
};

inline Vec broadcast(float value) { return _mm256_set1_ps(value); }
inline Vec load(const float* p, AllLanes) { return _mm256_loadu_ps(p); }
inline Vec load(const float* p, FirstLanes lanes) { return _mm256_maskload_ps(p, lanes.mask); }
inline void store(float* p, Vec v, AllLanes) { _mm256_storeu_ps(p, v); }
inline void store(float* p, Vec v, FirstLanes lanes) { _mm256_maskstore_ps(p, lanes.mask, v); }

/// Stores past the caches, to p aligned to the vector; fence() before another thread reads it.
inline void stream(float* p, Vec v) { _mm256_stream_ps(p, v); }
inline void fence() { _mm_sfence(); }

/// 0 in the lanes that `lanes` leaves out.
inline Vec only(AllLanes, Vec v) { return v; }
inline Vec only(FirstLanes lanes, Vec v) { return _mm256_and_ps(_mm256_castsi256_ps(lanes.mask), v); }

inline Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
inline Vec sqrt(Vec a) { return _mm256_sqrt_ps(a); }
inline Vec max(Vec a, Vec b) { return _mm256_max_ps(a, b); }  ///< b where either is NaN
inline Vec min(Vec a, Vec b) { return _mm256_min_ps(a, b); }  ///< likewise
inline Vec round(Vec a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
inline Vec magnitude(Vec a) { return _mm256_andnot_ps(broadcast(-0.0F), a); }
/// |a| with the sign of `sign`.
inline Vec copy_sign(Vec a, Vec sign) { return _mm256_or_ps(magnitude(a), _mm256_and_ps(broadcast(-0.0F), sign)); }
/// 2^n for an integral -126 <= n <= 127.
inline Vec power_of_two(Vec n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
}
/// x = 2^exponent * fraction with fraction in [sqrt(1/2), sqrt(2)), for a normal x > 0.
struct Parts {
    Vec exponent, fraction;
};
inline Parts parts_of(Vec x) {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i biased = _mm256_srli_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x3f800000 - 0x3f3504f3)), 23);
    const __m256i exponent = _mm256_sub_epi32(biased, _mm256_set1_epi32(127));
    return {_mm256_cvtepi32_ps(exponent), _mm256_castsi256_ps(_mm256_sub_epi32(bits, _mm256_slli_epi32(exponent, 23)))};
}

inline Mask greater(Vec a, Vec b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
/// Whether a ReLU lets through what it was given, or made: a > 0, or a NaN.
inline Mask passes(Vec a) { return _mm256_cmp_ps(a, _mm256_setzero_ps(), _CMP_NLE_UQ); }
inline Mask equal(Vec a, Vec b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
/// a > b, or a is NaN and b is not: the order in which a NaN is the greatest.
inline Mask beats(Vec a, Vec b) {
    return _mm256_and_ps(_mm256_cmp_ps(a, b, _CMP_NLE_UQ), _mm256_cmp_ps(b, b, _CMP_ORD_Q));
}
inline Vec choose(Mask m, Vec yes, Vec no) { return _mm256_blendv_ps(no, yes, m); }
inline Vec keep(Mask m, Vec a) { return _mm256_and_ps(m, a); }      ///< a where m, else 0
inline Vec clear(Mask m, Vec a) { return _mm256_andnot_ps(m, a); }  ///< 0 where m, else a

/// The upper halves of lanes, above zeros.
inline Vec load_upper_halves(const std::uint16_t* p) {
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

inline Vec from_bytes(__m128i bytes) { return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)); }
inline __m128i to_bytes(Vec v) {
    const __m256i words = _mm256_cvtps_epi32(v);
    const __m128i halves = _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    return _mm_packus_epi16(halves, halves);
}
inline Vec load_bytes(const std::uint8_t* p, AllLanes) {
    return from_bytes(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}
inline void store_bytes(std::uint8_t* p, Vec v, AllLanes) {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), to_bytes(v));
}

/// A Vec's lanes in double.
struct Wide {
    __m256d low, high;
};
inline Wide widen(Vec v) {
    return {_mm256_cvtps_pd(_mm256_castps256_ps128(v)), _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1))};
}
inline Wide wide(double value) { return {_mm256_set1_pd(value), _mm256_set1_pd(value)}; }
/// Rounded to float.
inline Vec narrow(Wide a) { return _mm256_set_m128(_mm256_cvtpd_ps(a.high), _mm256_cvtpd_ps(a.low)); }
inline Wide load_wide(const double* p) { return {_mm256_loadu_pd(p), _mm256_loadu_pd(p + 4)}; }
inline void store_wide(double* p, Wide a) {
    _mm256_storeu_pd(p, a.low);
    _mm256_storeu_pd(p + 4, a.high);
}
inline Wide operator+(Wide a, Wide b) { return {a.low + b.low, a.high + b.high}; }
inline Wide operator-(Wide a, Wide b) { return {a.low - b.low, a.high - b.high}; }
inline Wide operator*(Wide a, Wide b) { return {a.low * b.low, a.high * b.high}; }
inline Wide fma(Wide a, Wide b, Wide c) {
    return {_mm256_fmadd_pd(a.low, b.low, c.low), _mm256_fmadd_pd(a.high, b.high, c.high)};
}
/// p[0, kWidth) += a
inline void add_to(double* p, Wide a) {
    _mm256_storeu_pd(p, _mm256_loadu_pd(p) + a.low);
    _mm256_storeu_pd(p + 4, _mm256_loadu_pd(p + 4) + a.high);
}

/// p[0, kWidth) rounded to float.
inline Vec load_narrow(const double* p) { return narrow(load_wide(p)); }

/// 64-bit integers, with the compiler's own operators.
typedef std::uint64_t Words __attribute__((vector_size(32)));
/// The products of the low 32 bits.
inline Words multiply_low(Words a, Words b) {
    return reinterpret_cast<Words>(_mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
}

}  // namespace
}  // namespace keel::kernels::simd
