#include "kernels/simd/avx2.h"

#include "kernels/linear/linear_body.h"

namespace keel::kernels {

const LinearVariant linear_avx2 = simd::kLinear;

}  // namespace keel::kernels
