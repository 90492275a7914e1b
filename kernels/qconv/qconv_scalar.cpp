#include "kernels/qconv/reference.h"

namespace keel::kernels {

const QconvVariant qconv_scalar{
    Isa::scalar, 4, 4, 1, 2, {0, 2, 2, 0, 0}, reference::qconv_tile, reference::qconv_gather};

}  // namespace keel::kernels
