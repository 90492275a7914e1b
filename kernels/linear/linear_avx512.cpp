#include "kernels/simd/avx512.h"

#include "kernels/linear/linear_body.h"

namespace keel::kernels {

const LinearVariant linear_avx512 = simd::kLinear;

}  // namespace keel::kernels
