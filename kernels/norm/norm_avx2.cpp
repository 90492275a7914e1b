#include "kernels/simd/avx2.h"

#include "kernels/norm/norm_body.h"

namespace keel::kernels {

const NormVariant norm_avx2 = simd::kNorm;

}  // namespace keel::kernels
