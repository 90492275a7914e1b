#include "kernels/simd/avx2.h"

#include "kernels/reduce/reduce_body.h"

namespace keel::kernels {

const ReduceVariant<float> reduce_avx2 = simd::kReduce;

}  // namespace keel::kernels
