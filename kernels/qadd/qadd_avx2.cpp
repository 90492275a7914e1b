#include "kernels/simd/avx2_integers.h"

#include "kernels/qadd/qadd_body.h"

namespace keel::kernels {

const QaddVariant qadd_avx2 = simd::kQadd;

}  // namespace keel::kernels
