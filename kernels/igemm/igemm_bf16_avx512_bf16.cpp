#include "kernels/simd/avx512.h"

#include "kernels/igemm/pairs_word.h"

#include "kernels/igemm/igemm_bf16_body.h"

namespace keel::kernels {

const IgemmBf16Variant igemm_bf16_avx512_bf16 = simd::igemm_bf16(simd::presented(Isa::avx512_bf16));

}  // namespace keel::kernels
