#include "kernels/simd/avx512.h"

#include "kernels/eltwise/eltwise_body.h"

namespace keel::kernels {

const EltwiseVariant<float> eltwise_avx512 = simd::kEltwise;

}  // namespace keel::kernels
