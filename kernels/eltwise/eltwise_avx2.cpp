#include "kernels/simd/avx2.h"

#include "kernels/eltwise/eltwise_body.h"

namespace keel::kernels {

const EltwiseVariant<float> eltwise_avx2 = simd::kEltwise<float>;
const EltwiseBf16Variant eltwise_bf16_avx2 = simd::kEltwiseBf16;

}  // namespace keel::kernels
