#include "kernels/simd/avx512.h"

#include "kernels/igemm/igemm_body.h"

namespace keel::kernels {

const IgemmVariant igemm_avx512 = simd::kIgemm;

}  // namespace keel::kernels
