#include "kernels/igemm/reference.h"

namespace keel::kernels {

const IgemmBf16Variant igemm_bf16_scalar{
    Isa::scalar,
    {Isa::scalar, reference::kTileRows, reference::kTileColumns, reference::igemm_tile<reference::Bf16Word>,
     reference::igemm_outer<reference::Bf16Word>, reference::igemm_bf16_gather, reference::igemm_bf16_pack,
     reference::winograd_source_bf16, reference::winograd_result_bf16, reference::winograd_weights,
     reference::winograd_gradient_bf16, reference::winograd_weights_gradient},
    reference::igemm_pair_rows,
    reference::igemm_round,
    true};

}  // namespace keel::kernels
