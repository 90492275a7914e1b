// The AVX-512 intrinsics of kernels/simd/avx512.h on a machine that has only AVX2: SIMDe's, and the few that it lacks.
#pragma once

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

#include <cstdint>
#include <cstring>

#include "kernels/bf16.h"
#include "tests/support/sum_of_pairs.h"

namespace keel::emulated {
namespace {

inline simde__m512 maskz_loadu_ps(std::uint16_t mask, const float* p) {
    float values[16];
    for (int i = 0; i < 16; ++i) values[i] = ((mask >> i) & 1) != 0 ? p[i] : 0;
    return simde_mm512_loadu_ps(values);
}

inline void mask_storeu_ps(float* p, std::uint16_t mask, simde__m512 v) {
    float values[16];
    simde_mm512_storeu_ps(values, v);
    for (int i = 0; i < 16; ++i)
        if (((mask >> i) & 1) != 0) p[i] = values[i];
}

inline __m256 half(simde__m512 v, int k) {
    float values[16];
    simde_mm512_storeu_ps(values, v);
    return _mm256_loadu_ps(values + 8 * k);
}

inline simde__m512i cvtps_epi32(simde__m512 v) {
    std::int32_t words[16];
    for (int k = 0; k < 2; ++k)
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(words + 8 * k), _mm256_cvtps_epi32(half(v, k)));
    return simde_mm512_loadu_si512(words);
}

inline simde__m512 cvtepi32_ps(simde__m512i v) {
    std::int32_t words[16];
    simde_mm512_storeu_si512(words, v);
    float values[16];
    for (int i = 0; i < 16; ++i) values[i] = static_cast<float>(words[i]);
    return simde_mm512_loadu_ps(values);
}

inline simde__m512i cvtepu8_epi32(__m128i v) {
    std::uint8_t bytes[16];
    _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes), v);
    std::int32_t words[16];
    for (int i = 0; i < 16; ++i) words[i] = bytes[i];
    return simde_mm512_loadu_si512(words);
}

inline simde__m512i cvtepu16_epi32(__m256i v) {
    std::uint16_t halves[16];
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(halves), v);
    std::int32_t words[16];
    for (int i = 0; i < 16; ++i) words[i] = halves[i];
    return simde_mm512_loadu_si512(words);
}

inline __m128i cvtepi32_epi8(simde__m512i v) {
    std::int32_t words[16];
    simde_mm512_storeu_si512(words, v);
    std::uint8_t bytes[16];
    for (int i = 0; i < 16; ++i) bytes[i] = static_cast<std::uint8_t>(words[i]);
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

inline simde__m512i cvtepu8_epi16(__m256i v) {
    std::uint8_t bytes[32];
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(bytes), v);
    std::uint16_t words[32];
    for (int i = 0; i < 32; ++i) words[i] = bytes[i];
    return simde_mm512_loadu_si512(words);
}

inline __m256i half_bytes(simde__m512i v, int k) {
    std::uint8_t bytes[64];
    simde_mm512_storeu_si512(bytes, v);
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes + 32 * k));
}

/// sums + the four products of a lane's u8 and s8.
inline simde__m512i dpbusd_epi32(simde__m512i sums, simde__m512i a, simde__m512i b) {
    std::int32_t words[16];
    std::uint8_t left[64];
    std::int8_t right[64];
    simde_mm512_storeu_si512(words, sums);
    simde_mm512_storeu_si512(left, a);
    simde_mm512_storeu_si512(right, b);
    for (int i = 0; i < 64; ++i) words[i / 4] += left[i] * right[i];
    return simde_mm512_loadu_si512(words);
}

/// sums + the two products of a lane's s16.
inline simde__m512i dpwssd_epi32(simde__m512i sums, simde__m512i a, simde__m512i b) {
    return simde_mm512_add_epi32(sums, simde_mm512_madd_epi16(a, b));
}

/// sums + the two products of a lane's bf16, one after the other.
inline simde__m512 dpbf16_ps(simde__m512 sums, __m512bh a, __m512bh b) {
    float words[16];
    std::uint16_t left[32], right[32];
    simde_mm512_storeu_ps(words, sums);
    std::memcpy(left, &a, sizeof left);
    std::memcpy(right, &b, sizeof right);
    for (int i = 0; i < 32; ++i)
        words[i / 2] = test::flushed(
            __builtin_fmaf(test::float_of_half(left[i]), test::float_of_half(right[i]), test::flushed(words[i / 2])));
    return simde_mm512_loadu_ps(words);
}

inline __m256bh cvtneps_pbh(simde__m512 v) {
    float values[16];
    simde_mm512_storeu_ps(values, v);
    std::uint16_t halves[16];
    for (int i = 0; i < 16; ++i) halves[i] = kernels::to_bf16(test::flushed(values[i]));
    __m256bh result;
    std::memcpy(&result, halves, sizeof result);
    return result;
}

/// Those of `low` first.
inline __m512bh cvtne2ps_pbh(simde__m512 high, simde__m512 low) {
    const __m256bh parts[] = {cvtneps_pbh(low), cvtneps_pbh(high)};
    __m512bh result;
    std::memcpy(&result, parts, sizeof result);
    return result;
}

inline simde__m512d cvtps_pd(__m256 v) {
    double values[8];
    _mm256_storeu_pd(values, _mm256_cvtps_pd(_mm256_castps256_ps128(v)));
    _mm256_storeu_pd(values + 4, _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1)));
    return simde_mm512_loadu_pd(values);
}

inline __m256 cvtpd_ps(simde__m512d v) {
    double values[8];
    simde_mm512_storeu_pd(values, v);
    return _mm256_set_m128(_mm256_cvtpd_ps(_mm256_loadu_pd(values + 4)), _mm256_cvtpd_ps(_mm256_loadu_pd(values)));
}

}  // namespace
}  // namespace keel::emulated

#define _mm512_stream_ps simde_mm512_storeu_ps
#define _mm512_maskz_loadu_ps keel::emulated::maskz_loadu_ps
#define _mm512_mask_storeu_ps keel::emulated::mask_storeu_ps
#undef _mm512_extractf32x8_ps  // a macro of Clang's header
#define _mm512_extractf32x8_ps keel::emulated::half
#define _mm512_cvtps_epi32 keel::emulated::cvtps_epi32
#define _mm512_cvtepi32_ps keel::emulated::cvtepi32_ps
#define _mm512_cvtepu8_epi32 keel::emulated::cvtepu8_epi32
#define _mm512_cvtepu16_epi32 keel::emulated::cvtepu16_epi32
#define _mm512_cvtepi32_epi8 keel::emulated::cvtepi32_epi8
#undef _mm512_madd_epi16  // SIMDe's alias has the masked one's parameters
#define _mm512_madd_epi16 simde_mm512_madd_epi16
#undef _mm512_extracti64x4_epi64
#define _mm512_extracti64x4_epi64 keel::emulated::half_bytes
#define _mm512_cvtepu8_epi16 keel::emulated::cvtepu8_epi16
#undef _mm512_dpbusd_epi32
#define _mm512_dpbusd_epi32 keel::emulated::dpbusd_epi32
#undef _mm512_dpwssd_epi32
#define _mm512_dpwssd_epi32 keel::emulated::dpwssd_epi32
#undef _mm512_dpbf16_ps
#define _mm512_dpbf16_ps keel::emulated::dpbf16_ps
#define _mm512_cvtneps_pbh keel::emulated::cvtneps_pbh
#define _mm512_cvtne2ps_pbh keel::emulated::cvtne2ps_pbh
#define _mm512_cvtps_pd keel::emulated::cvtps_pd
#define _mm512_cvtpd_ps keel::emulated::cvtpd_ps
