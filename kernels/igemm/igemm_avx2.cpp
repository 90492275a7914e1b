#include "kernels/simd/avx2.h"

#include "kernels/igemm/igemm_body.h"

namespace keel::kernels {

const IgemmVariant igemm_avx2 = simd::kIgemm;

}  // namespace keel::kernels
