#include "kernels/simd/avx512.h"

#include "kernels/norm/norm_body.h"

namespace keel::kernels {

const NormVariant norm_avx512 = simd::kNorm;

}  // namespace keel::kernels
