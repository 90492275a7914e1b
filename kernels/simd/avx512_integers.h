// Integers of AVX-512; the twin of avx2_integers.h. Include avx512.h first.
#pragma once

#include <string.h>

#include "kernels/simd/avx512.h"

namespace keel::kernels::simd {
namespace {

using Sums = __m512i;  ///< kWidth s32
inline Sums load_sums(const void* p) { return _mm512_loadu_si512(p); }
inline void store_sums(std::int32_t* p, Sums v) { _mm512_storeu_si512(p, v); }
inline Sums add(Sums a, Sums b) { return _mm512_add_epi32(a, b); }
/// The four bytes at p in every lane.
inline Sums broadcast_word(const void* p) {
    int word;
    memcpy(&word, p, sizeof word);
    return _mm512_set1_epi32(word);
}
inline Vec to_float(Sums v) { return _mm512_cvtepi32_ps(v); }  ///< to nearest
inline Sums to_sums(Vec v) { return _mm512_cvtps_epi32(v); }   ///< likewise
inline Sums least(Sums a, Sums b) { return _mm512_min_epi32(a, b); }
inline Sums most(Sums a, Sums b) { return _mm512_max_epi32(a, b); }
inline Sums widen_quantized(const std::uint8_t* p) {
    return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
/// sum + the products of each lane's two s16.
inline Sums dot_halves(Sums sum, Sums a, Sums b) {
#ifdef KEEL_EMULATE_AVX512
    return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
#else
    Sums products;  // as in avx2_integers.h
    __asm__("vpmaddwd %3, %2, %0\n\tvpaddd %0, %1, %1" : "=&v"(products), "+v"(sum) : "v"(a), "v"(b));
    return sum;
#endif
}

constexpr std::int64_t kByteLanes = 64;
using QuantizedVec = __m512i;  ///< kByteLanes u8
inline QuantizedVec load_quantized(const std::uint8_t* p) { return _mm512_loadu_si512(p); }
inline void store_quantized(std::uint8_t* p, QuantizedVec v) { _mm512_storeu_si512(p, v); }
inline void store_quantized(std::int16_t* p, QuantizedVec v) {
    _mm512_storeu_si512(p, _mm512_cvtepu8_epi16(_mm512_castsi512_si256(v)));
    _mm512_storeu_si512(p + 32, _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(v, 1)));
}
inline QuantizedVec all_quantized(float value) { return _mm512_set1_epi8(static_cast<char>(static_cast<int>(value))); }
/// kByteLanes floats to the nearest quantized value (even), saturating: one store, and a third of the instructions of
/// four narrower ones.
inline QuantizedVec to_quantized(const Vec (&v)[4]) {
    const auto ints = [](Vec x) { return _mm512_cvtps_epi32(min(x, broadcast(255))); };  // below -2^31: -2^31
    const __m512i low = _mm512_packs_epi32(ints(v[0]), ints(v[1])), high = _mm512_packs_epi32(ints(v[2]), ints(v[3]));
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_epi32(order, _mm512_packus_epi16(low, high));
}
/// Stores the first half of `v` at p, the second one at q.
inline void store_quantized_halves(std::uint8_t* p, std::uint8_t* q, QuantizedVec v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_castsi512_si256(v));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(q), _mm512_extracti64x4_epi64(v, 1));
}
/// kByteLanes / 2 quantized values as s16.
inline QuantizedVec load_widened(const std::uint8_t* p) {
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline QuantizedVec max_quantized(QuantizedVec a, QuantizedVec b) { return _mm512_max_epu8(a, b); }
inline QuantizedVec clamped(QuantizedVec v, QuantizedVec low, QuantizedVec high) {
    return _mm512_min_epu8(_mm512_max_epu8(v, low), high);
}

}  // namespace
}  // namespace keel::kernels::simd
