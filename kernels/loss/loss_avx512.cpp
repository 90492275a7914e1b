#include "kernels/simd/avx512.h"

#include "kernels/loss/loss_body.h"

namespace keel::kernels {

const LossVariant<float> loss_avx512 = simd::kLoss;

}  // namespace keel::kernels
