#include "kernels/simd/avx2.h"

#include "kernels/pool/pool_body.h"

namespace keel::kernels {

const PoolVariant<float> pool_avx2 = simd::kPool;

}  // namespace keel::kernels
