#include "kernels/simd/avx2.h"

#include "kernels/batch_norm/batch_norm_body.h"

namespace keel::kernels {

const BatchNormVariant<float> batch_norm_avx2 = simd::kBatchNorm<float>;
const BatchNormBf16Variant batch_norm_bf16_avx2 = simd::kBatchNormBf16;

}  // namespace keel::kernels
