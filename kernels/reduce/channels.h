// Reductions over the channels of each pixel of a map of floats.
#pragma once

#include <cstdint>

namespace keel::kernels {

enum class ChannelReduction : std::uint8_t { mean, sum, max, min };

/// dst[p * dst_ld] = the mean, sum, maximum or minimum of src[p * src_ld + i], i < c, c > 0. Sums are in double and
/// rounded once; a NaN is the maximum and the minimum. The same bits on every ISA.
struct ChannelGeometry {
    std::int64_t pixels, c, src_ld, dst_ld;
};
void reduce_channels(const ChannelGeometry& g, ChannelReduction kind, const float* src, float* dst);

}  // namespace keel::kernels
