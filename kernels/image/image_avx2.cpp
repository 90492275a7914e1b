#include "kernels/simd/avx2.h"

#include "kernels/image/image_body.h"

namespace keel::kernels {

const ImageVariant image_avx2 = simd::kImage;

}  // namespace keel::kernels
