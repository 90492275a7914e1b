#include "kernels/simd/avx_vnni.h"

namespace keel::kernels::simd {
namespace {

constexpr Isa kQconvIsa = kVnniIsa;
constexpr int kMostVectors = 2, kMostRows[] = {0, 6, 6, 0, 0};
using Element = std::int16_t;
inline Sums dot(Sums sums, Sums src, Sums weights) { return dot_halves_at_once(sums, src, weights); }

}  // namespace
}  // namespace keel::kernels::simd

#include "kernels/qconv/qconv_body.h"
#include "kernels/qconv/winograd_body.h"

namespace keel::kernels {

const QwinogradVariant qwinograd_avx_vnni = simd::kQwinograd;

}  // namespace keel::kernels
