#include "kernels/quant/reference.h"

namespace keel::kernels {

const QuantVariant quant_scalar{Isa::scalar, reference::quantize, reference::dequantize, reference::maximum,
                                reference::average};

}  // namespace keel::kernels
