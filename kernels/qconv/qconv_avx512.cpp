#include "kernels/simd/avx512_integers.h"

namespace keel::kernels::simd {
namespace {

constexpr Isa kQconvIsa = kIsa;
constexpr int kMostVectors = 4, kMostRows[] = {0, 13, 13, 8, 6};
using Element = std::int16_t;
inline Sums dot(Sums sums, Sums src, Sums weights) { return dot_halves(sums, src, weights); }

}  // namespace
}  // namespace keel::kernels::simd

#include "kernels/qconv/gather_body.h"
#include "kernels/qconv/qconv_body.h"
#include "kernels/qconv/winograd_body.h"

namespace keel::kernels {

const QwinogradVariant qwinograd_avx512 = simd::kQwinograd;
const QconvVariant qconv_avx512 = simd::qconv_on_vectors(simd::qconv_gather, &qwinograd_avx512);

}  // namespace keel::kernels
