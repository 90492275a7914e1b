#include "kernels/simd/avx2.h"

#include "kernels/optimizer/optimizer_body.h"

namespace keel::kernels {

const OptimizerVariant<float> optimizer_avx2 = simd::kOptimizer;

}  // namespace keel::kernels
