#include "kernels/simd/avx512.h"

#include "kernels/pool/pool_body.h"

namespace keel::kernels {

const PoolVariant<float> pool_avx512 = simd::kPool;

}  // namespace keel::kernels
