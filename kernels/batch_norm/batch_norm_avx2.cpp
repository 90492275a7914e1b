#include "kernels/simd/avx2.h"

#include "kernels/batch_norm/batch_norm_body.h"

namespace keel::kernels {

const BatchNormVariant<float> batch_norm_avx2 = simd::kBatchNorm;

}  // namespace keel::kernels
