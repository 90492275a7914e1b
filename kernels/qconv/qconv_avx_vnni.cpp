#include "kernels/simd/avx_vnni.h"

namespace keel::kernels::simd {
namespace {

constexpr Isa kQconvIsa = kVnniIsa;
constexpr int kMostVectors = 2, kMostRows[] = {0, 6, 6, 0, 0};
using Element = std::uint8_t;
inline Sums dot(Sums sums, Sums src, Sums weights) { return dot_bytes(sums, src, weights); }

}  // namespace
}  // namespace keel::kernels::simd

#include "kernels/qconv/gather_body.h"
#include "kernels/qconv/qconv_body.h"

namespace keel::kernels {

const QconvVariant qconv_avx_vnni = simd::qconv_on_vectors(simd::qconv_gather, &qwinograd_avx_vnni);

}  // namespace keel::kernels
