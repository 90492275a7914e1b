// Integers of AVX2; avx512_integers.h is its twin. Include avx2.h first.
#pragma once

#include <string.h>

#include "kernels/simd/avx2.h"

namespace keel::kernels::simd {
namespace {

using Sums = __m256i;  ///< kWidth s32
inline Sums load_sums(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
inline void store_sums(std::int32_t* p, Sums v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
inline Sums add(Sums a, Sums b) { return _mm256_add_epi32(a, b); }
/// The four bytes at p in every lane.
inline Sums broadcast_word(const void* p) {
    int word;
    memcpy(&word, p, sizeof word);
    return _mm256_set1_epi32(word);
}
inline Vec to_float(Sums v) { return _mm256_cvtepi32_ps(v); }  ///< to nearest
inline Sums to_sums(Vec v) { return _mm256_cvtps_epi32(v); }   ///< likewise
inline Sums least(Sums a, Sums b) { return _mm256_min_epi32(a, b); }
inline Sums most(Sums a, Sums b) { return _mm256_max_epi32(a, b); }
inline Sums widen_quantized(const std::uint8_t* p) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}
/// sum + the products of each lane's two s16.
inline Sums dot_halves(Sums sum, Sums a, Sums b) {
    // Of intrinsics GCC makes and adds up the products of several steps first, for which registers are too few.
    Sums products;
    __asm__("vpmaddwd %3, %2, %0\n\tvpaddd %0, %1, %1" : "=&x"(products), "+x"(sum) : "x"(a), "x"(b));
    return sum;
}

constexpr std::int64_t kByteLanes = 32;
using QuantizedVec = __m256i;  ///< kByteLanes u8
inline QuantizedVec load_quantized(const std::uint8_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline void store_quantized(std::uint8_t* p, QuantizedVec v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
inline void store_quantized(std::int16_t* p, QuantizedVec v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_cvtepu8_epi16(_mm256_castsi256_si128(v)));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 16), _mm256_cvtepu8_epi16(_mm256_extracti128_si256(v, 1)));
}
inline QuantizedVec all_quantized(float value) { return _mm256_set1_epi8(static_cast<char>(static_cast<int>(value))); }
/// kByteLanes floats to the nearest quantized value (even), saturating: one store, and a third of the instructions of
/// four narrower ones.
inline QuantizedVec to_quantized(const Vec (&v)[4]) {
    const auto ints = [](Vec x) { return _mm256_cvtps_epi32(min(x, broadcast(255))); };  // below -2^31: -2^31
    const __m256i low = _mm256_packs_epi32(ints(v[0]), ints(v[1])), high = _mm256_packs_epi32(ints(v[2]), ints(v[3]));
    return _mm256_permutevar8x32_epi32(_mm256_packus_epi16(low, high), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}
/// Stores the first half of `v` at p, the second one at q.
inline void store_quantized_halves(std::uint8_t* p, std::uint8_t* q, QuantizedVec v) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(v));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(q), _mm256_extracti128_si256(v, 1));
}
/// kByteLanes / 2 quantized values as s16.
inline QuantizedVec load_widened(const std::uint8_t* p) {
    return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline QuantizedVec max_quantized(QuantizedVec a, QuantizedVec b) { return _mm256_max_epu8(a, b); }
inline QuantizedVec clamped(QuantizedVec v, QuantizedVec low, QuantizedVec high) {
    return _mm256_min_epu8(_mm256_max_epu8(v, low), high);
}

}  // namespace
}  // namespace keel::kernels::simd
