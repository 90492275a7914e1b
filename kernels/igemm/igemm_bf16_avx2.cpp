#include "kernels/simd/avx2.h"

#include "kernels/igemm/halves_word.h"

#include "kernels/igemm/igemm_bf16_body.h"

namespace keel::kernels {

const IgemmBf16Variant igemm_bf16_avx2 = simd::igemm_bf16(simd::kIsa);

}  // namespace keel::kernels
