#include "kernels/simd/avx512.h"

#include "kernels/optimizer/optimizer_body.h"

namespace keel::kernels {

const OptimizerVariant<float> optimizer_avx512 = simd::kOptimizer;

}  // namespace keel::kernels
