#include "kernels/routing/kernel_kinds.h"

#include "kernels/dispatch.h"
#include "kernels/eltwise/variants.h"
#include "kernels/igemm/variants.h"
#include "kernels/qconv/variants.h"

namespace keel::kernels {
namespace {

template <class Variants>
KernelKind kind_of(const char* name, const Variants& variants, const Isa& active) {
    return {name, select(variants, active).isa, variants[0]->isa};
}

}  // namespace

std::vector<KernelKind> kernel_kinds(const Isa& active) {
    return {kind_of("f32 convolutions", igemm_variants, active),
            kind_of("bf16 convolutions", igemm_bf16_variants, active),
            kind_of("int8 convolutions", qconv_variants, active), kind_of("f32 maps", eltwise_variants, active),
            kind_of("bf16 maps", eltwise_bf16_variants, active)};
}

}  // namespace keel::kernels
