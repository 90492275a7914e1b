#include "kernels/simd/avx2_integers.h"

namespace keel::kernels::simd {
namespace {

constexpr Isa kQconvIsa = Isa::avx2;
constexpr int kMostVectors = 2, kMostRows[] = {0, 6, 6, 0, 0};
using Element = std::int16_t;
inline Sums dot(Sums sums, Sums src, Sums weights) { return dot_halves(sums, src, weights); }

}  // namespace
}  // namespace keel::kernels::simd

#include "kernels/qconv/gather_body.h"
#include "kernels/qconv/qconv_body.h"
#include "kernels/qconv/winograd_body.h"

namespace keel::kernels {

const QwinogradVariant qwinograd_avx2 = simd::kQwinograd;
const QconvVariant qconv_avx2 = simd::qconv_on_vectors(simd::qconv_gather, &qwinograd_avx2, 4);

}  // namespace keel::kernels
