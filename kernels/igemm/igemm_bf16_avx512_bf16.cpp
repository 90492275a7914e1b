#include "kernels/simd/avx512.h"

namespace keel::kernels::simd {
namespace {

struct Bf16Word {
    static Vec multiply_add(Vec a, Vec b, Vec sum) {
        return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
    }
};

}  // namespace
}  // namespace keel::kernels::simd

#include "kernels/igemm/igemm_bf16_body.h"

namespace keel::kernels {

const IgemmBf16Variant igemm_bf16_avx512_bf16 = simd::igemm_bf16(Isa::avx512_bf16);

}  // namespace keel::kernels
