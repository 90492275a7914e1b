// Resampling of decoded pixels.
#pragma once

#include <cstdint>

namespace keel::kernels {

struct RowBlend {
    std::int64_t n;   ///< elements of a row
    std::int64_t ld;  ///< between two rows of src
    int count;        ///< rows that are blended
};

/// dst[i] = sum over k < count, in this order, of weights[k] * src[k * ld + i]; each product and each sum is rounded to
/// float, so that all variants give the same bits. Serial: many images are in work at once, each on one thread.
void blend_rows(const RowBlend& b, const float* weights, const std::uint8_t* src, float* dst);

}  // namespace keel::kernels
