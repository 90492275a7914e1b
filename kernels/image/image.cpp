#include "kernels/image/image.h"

#include "kernels/dispatch.h"
#include "kernels/image/reference.h"
#include "kernels/image/variants.h"
#include "kernels/profile.h"

namespace keel::kernels {

const ImageVariant image_scalar{Isa::scalar, reference::blend_rows};

void blend_rows(const RowBlend& b, const float* weights, const std::uint8_t* src, float* dst) {
    const auto n = static_cast<double>(b.n), count = static_cast<double>(b.count);
    const profile::Span span("blend_rows", {2 * n * count, n * (count + sizeof(float))});
    select(image_variants).blend_rows(b, weights, src, dst);
}

}  // namespace keel::kernels
