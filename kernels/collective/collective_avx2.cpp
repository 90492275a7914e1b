#include "kernels/simd/avx2.h"

#include "kernels/collective/collective_body.h"

namespace keel::kernels {

const CollectiveVariant<float> collective_avx2 = simd::kCollective;

}  // namespace keel::kernels
