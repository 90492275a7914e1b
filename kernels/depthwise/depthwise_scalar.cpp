#include "kernels/depthwise/reference.h"

namespace keel::kernels {

const DepthwiseVariant depthwise_scalar{Isa::scalar, reference::depthwise_rows};

}  // namespace keel::kernels
