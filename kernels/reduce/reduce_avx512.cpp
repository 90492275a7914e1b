#include "kernels/simd/avx512.h"

#include "kernels/reduce/reduce_body.h"

namespace keel::kernels {

const ReduceVariant<float> reduce_avx512 = simd::kReduce;

}  // namespace keel::kernels
