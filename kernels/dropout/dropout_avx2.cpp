#include "kernels/simd/avx2.h"

#include "kernels/dropout/dropout_body.h"

namespace keel::kernels {

const DropoutVariant<float> dropout_avx2 = simd::kDropout;

}  // namespace keel::kernels
