#include "kernels/simd/avx512_integers.h"

namespace keel::kernels::simd {
namespace {

constexpr Isa kQconvIsa = presented(Isa::avx512_vnni);
constexpr int kMostVectors = 4, kMostRows[] = {0, 14, 14, 8, 6};
using Element = std::int16_t;
/// vpdpwssd: two products of s16 a lane. They are half as many as vpdpbusd's, of which the algorithm saves more.
inline Sums dot(Sums sums, Sums src, Sums weights) { return _mm512_dpwssd_epi32(sums, src, weights); }

}  // namespace
}  // namespace keel::kernels::simd

#include "kernels/qconv/qconv_body.h"
#include "kernels/qconv/winograd_body.h"

namespace keel::kernels {

const QwinogradVariant qwinograd_avx512_vnni = simd::kQwinograd;

}  // namespace keel::kernels
