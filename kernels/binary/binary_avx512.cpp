#include "kernels/simd/avx512.h"

#include "kernels/binary/binary_body.h"

namespace keel::kernels {

const BinaryVariant binary_avx512 = simd::kBinary;

}  // namespace keel::kernels
