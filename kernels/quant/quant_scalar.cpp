#include "kernels/quant/reference.h"

namespace keel::kernels {

const QuantVariant quant_scalar{Isa::scalar, reference::quantise, reference::dequantise, reference::maximum, reference::average};

}  // namespace keel::kernels
