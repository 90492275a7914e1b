#include "kernels/simd/avx512.h"

#include "kernels/collective/collective_body.h"

namespace keel::kernels {

const CollectiveVariant<float> collective_avx512 = simd::kCollective;

}  // namespace keel::kernels
