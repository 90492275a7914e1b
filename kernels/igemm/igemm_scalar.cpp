#include "kernels/igemm/reference.h"

namespace keel::kernels {

const IgemmVariant igemm_scalar{Isa::scalar,
                                reference::kTileRows,
                                reference::kTileColumns,
                                reference::igemm_tile<reference::FloatWord>,
                                reference::igemm_outer<reference::FloatWord>,
                                reference::igemm_gather,
                                reference::igemm_pack,
                                reference::winograd_source,
                                reference::winograd_result,
                                reference::winograd_weights,
                                reference::winograd_gradient,
                                reference::winograd_weights_gradient};

}  // namespace keel::kernels
