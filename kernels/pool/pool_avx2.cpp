#include "kernels/simd/avx2.h"

#include "kernels/pool/pool_body.h"

namespace keel::kernels {

const PoolVariant<float> pool_avx2 = simd::kPool<float>;
const PoolVariant<Bf16> pool_bf16_avx2 = simd::kPool<Bf16>;

}  // namespace keel::kernels
