#include "kernels/simd/avx2.h"

#include "kernels/softmax/softmax_body.h"

namespace keel::kernels {

const SoftmaxVariant softmax_avx2 = simd::kSoftmax;

}  // namespace keel::kernels
