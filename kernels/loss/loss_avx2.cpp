#include "kernels/simd/avx2.h"

#include "kernels/loss/loss_body.h"

namespace keel::kernels {

const LossVariant<float> loss_avx2 = simd::kLoss;

}  // namespace keel::kernels
