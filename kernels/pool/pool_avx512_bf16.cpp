#include "kernels/simd/avx512.h"

#include "kernels/pool/pool_body.h"

namespace keel::kernels {

const PoolVariant<Bf16> pool_bf16_avx512_bf16 = simd::as_of(Isa::avx512_bf16, simd::kPool<Bf16>);

}  // namespace keel::kernels
