#include "kernels/simd/avx512.h"

#include "kernels/depthwise/depthwise_body.h"

namespace keel::kernels {

const DepthwiseVariant depthwise_avx512 = simd::kDepthwise;

}  // namespace keel::kernels
