#include "kernels/simd/avx2_integers.h"

#include "kernels/quant/quant_body.h"

namespace keel::kernels {

const QuantVariant quant_avx2 = simd::kQuant;

}  // namespace keel::kernels
