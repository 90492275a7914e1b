#include "kernels/simd/avx512.h"

#include "kernels/batch_norm/batch_norm_body.h"

namespace keel::kernels {

const BatchNormBf16Variant batch_norm_bf16_avx512_bf16 = simd::as_of(Isa::avx512_bf16, simd::kBatchNormBf16);

}  // namespace keel::kernels
