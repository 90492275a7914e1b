// Copies of NHWC maps, of f32 or bf16, in another order: transposes, reshapes, slices, expansions, flips, channel
// shuffles.
#pragma once

#include <cstdint>
#include <span>

namespace keel::kernels {

/// One axis of the elements of dst: how many there are, and how far the next one is in src. A step of 0 repeats an
/// element (an expansion), one below 0 runs backwards (a flip).
struct RearrangeAxis {
    std::int64_t size, pixel_stride, channel_stride;
    bool operator==(const RearrangeAxis&) const = default;
};

/// Element (p, k) of an image of dst is src at pixel first_pixel + sum over all axes of index * pixel_stride and
/// channel first_channel + sum of index * channel_stride. The indices of the pixel axes are p in mixed radix, the
/// outermost axis first, those of the channel axes k; no axes are one element.
struct RearrangeGeometry {
    std::int64_t n, src_pixels, src_ld, dst_ld;  ///< pixels of an image of src; distances between pixels in elements
    std::span<const RearrangeAxis> pixel_axes, channel_axes;
    std::int64_t first_pixel, first_channel;
};

/// Copies; the caller knows that the axes stay inside of src. dst must not overlap src. Axes that go on from one
/// another are one; runs of elements are copied as such, transposes in tiles.
template <class T>
void rearrange(const RearrangeGeometry& g, const T* src, T* dst);

}  // namespace keel::kernels
