// The products of AVX-VNNI, 256 bits without AVX-512, beside avx2_integers.h. KEEL_EMULATE_AVX_VNNI, set only by tests,
// names a header that imitates the intrinsics on AVX2, and the variants then present themselves as AVX2 ones.
#pragma once

#ifdef KEEL_EMULATE_AVX_VNNI
#include KEEL_EMULATE_AVX_VNNI
#endif

#include "kernels/simd/avx2_integers.h"

namespace keel::kernels::simd {
namespace {

#ifdef KEEL_EMULATE_AVX_VNNI
constexpr Isa kVnniIsa = Isa::avx2;
#else
constexpr Isa kVnniIsa = Isa::avx_vnni;
#endif

/// sum + the products of each lane's four u8 and s8, without saturation.
inline Sums dot_bytes(Sums sum, Sums a, Sums b) { return _mm256_dpbusd_avx_epi32(sum, a, b); }
/// sum + the products of each lane's two s16, in one instruction.
inline Sums dot_halves_at_once(Sums sum, Sums a, Sums b) { return _mm256_dpwssd_avx_epi32(sum, a, b); }

}  // namespace
}  // namespace keel::kernels::simd
