#include "kernels/simd/avx512_integers.h"

#include "kernels/qadd/qadd_body.h"

namespace keel::kernels {

const QaddVariant qadd_avx512 = simd::kQadd;

}  // namespace keel::kernels
