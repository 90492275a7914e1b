#include "kernels/simd/avx2_integers.h"

namespace keel::kernels::simd {
namespace {

constexpr Isa kQconvIsa = Isa::avx2;
constexpr int kMostVectors = 2, kMostRows[] = {0, 6, 6, 0, 0};
using Element = std::int16_t;
inline Sums dot(Sums sums, Sums src, Sums weights) { return dot_halves(sums, src, weights); }

}  // namespace
}  // namespace keel::kernels::simd

#include "kernels/qconv/qconv_body.h"

namespace keel::kernels {

const QconvVariant qconv_avx2 = simd::kQconv;

}  // namespace keel::kernels
