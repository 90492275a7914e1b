#include "kernels/simd/avx512_integers.h"

#include "kernels/quant/quant_body.h"

namespace keel::kernels {

const QuantVariant quant_avx512 = simd::kQuant;

}  // namespace keel::kernels
