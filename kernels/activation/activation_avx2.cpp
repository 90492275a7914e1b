#include "kernels/simd/avx2.h"

#include "kernels/activation/activation_body.h"

namespace keel::kernels {

const ActivationVariant activation_avx2 = simd::kActivation;

}  // namespace keel::kernels
