#include "kernels/simd/avx512.h"

#include "kernels/softmax/softmax_body.h"

namespace keel::kernels {

const SoftmaxVariant softmax_avx512 = simd::kSoftmax;

}  // namespace keel::kernels
