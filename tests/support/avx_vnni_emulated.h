// The intrinsics of kernels/simd/avx_vnni.h on a machine that has only AVX2.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace keel::emulated {
namespace {

/// sums + the products of what a lane of a and b holds, as many A and B as fit; sums wrap around.
template <class A, class B>
__m256i dot_lanes(__m256i sums, __m256i a, __m256i b) {
    constexpr std::size_t kCount = 32 / sizeof(A);
    std::uint32_t words[8];
    A left[kCount];
    B right[kCount];
    std::memcpy(words, &sums, sizeof words);
    std::memcpy(left, &a, sizeof left);
    std::memcpy(right, &b, sizeof right);
    for (std::size_t i = 0; i < kCount; ++i)
        words[i * 8 / kCount] += static_cast<std::uint32_t>(std::int32_t{left[i]} * std::int32_t{right[i]});
    std::memcpy(&sums, words, sizeof words);
    return sums;
}

}  // namespace
}  // namespace keel::emulated

#define _mm256_dpbusd_avx_epi32 keel::emulated::dot_lanes<std::uint8_t, std::int8_t>
#define _mm256_dpwssd_avx_epi32 keel::emulated::dot_lanes<std::int16_t, std::int16_t>
