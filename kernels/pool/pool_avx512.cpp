#include "kernels/simd/avx512.h"

#include "kernels/pool/pool_body.h"

namespace keel::kernels {

const PoolVariant<float> pool_avx512 = simd::kPool<float>;
const PoolVariant<Bf16> pool_bf16_avx512 = simd::kPool<Bf16>;

}  // namespace keel::kernels
