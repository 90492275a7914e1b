#include "kernels/simd/avx512.h"

#include "kernels/image/image_body.h"

namespace keel::kernels {

const ImageVariant image_avx512 = simd::kImage;

}  // namespace keel::kernels
