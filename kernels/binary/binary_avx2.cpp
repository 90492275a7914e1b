#include "kernels/simd/avx2.h"

#include "kernels/binary/binary_body.h"

namespace keel::kernels {

const BinaryVariant binary_avx2 = simd::kBinary;

}  // namespace keel::kernels
