#include "kernels/simd/avx512_integers.h"

namespace keel::kernels::simd {
namespace {

constexpr Isa kQconvIsa = presented(Isa::avx512_vnni);
constexpr int kMostVectors = 4, kMostRows[] = {0, 14, 14, 8, 6};
using Element = std::uint8_t;
/// vpdpbusd: four products of u8 and s8 a lane, without saturation.
inline Sums dot(Sums sums, Sums src, Sums weights) { return _mm512_dpbusd_epi32(sums, src, weights); }

}  // namespace
}  // namespace keel::kernels::simd

#include "kernels/qconv/gather_body.h"
#include "kernels/qconv/qconv_body.h"

namespace keel::kernels {

const QconvVariant qconv_avx512_vnni = simd::qconv_on_vectors(simd::qconv_gather, &qwinograd_avx512_vnni);

}  // namespace keel::kernels
