#include "kernels/simd/avx512.h"

#include "kernels/activation/activation_body.h"

namespace keel::kernels {

const ActivationVariant activation_avx512 = simd::kActivation;

}  // namespace keel::kernels
