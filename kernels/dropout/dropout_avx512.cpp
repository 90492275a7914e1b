#include "kernels/simd/avx512.h"

#include "kernels/dropout/dropout_body.h"

namespace keel::kernels {

const DropoutVariant<float> dropout_avx512 = simd::kDropout;

}  // namespace keel::kernels
