#include "kernels/simd/avx512.h"

#include "kernels/eltwise/eltwise_body.h"

namespace keel::kernels {

const EltwiseVariant<float> eltwise_avx512 = simd::kEltwise<float>;
const EltwiseBf16Variant eltwise_bf16_avx512 = simd::kEltwiseBf16;

}  // namespace keel::kernels
