#include "kernels/simd/one_lane.h"

#include "kernels/softmax/softmax_body.h"

namespace keel::kernels {

const SoftmaxVariant softmax_scalar = simd::kSoftmax;

}  // namespace keel::kernels
