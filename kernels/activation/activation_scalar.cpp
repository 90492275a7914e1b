#include "kernels/simd/one_lane.h"

#include "kernels/activation/activation_body.h"

namespace keel::kernels {

const ActivationVariant activation_scalar = simd::kActivation;

}  // namespace keel::kernels
