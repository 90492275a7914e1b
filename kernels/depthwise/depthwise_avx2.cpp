#include "kernels/simd/avx2.h"

#include "kernels/depthwise/depthwise_body.h"

namespace keel::kernels {

const DepthwiseVariant depthwise_avx2 = simd::kDepthwise;

}  // namespace keel::kernels
