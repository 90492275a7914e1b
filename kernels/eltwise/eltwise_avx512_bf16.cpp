#include "kernels/simd/avx512.h"

#include "kernels/eltwise/eltwise_body.h"

namespace keel::kernels {

const EltwiseBf16Variant eltwise_bf16_avx512_bf16 = simd::as_of(Isa::avx512_bf16, simd::kEltwiseBf16);

}  // namespace keel::kernels
