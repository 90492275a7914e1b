// Borders around NHWC maps of floats.
#pragma once

#include <cstdint>

namespace keel::kernels {

enum class PadMode : std::uint8_t { constant, reflect, edge };

/// Maps of n images, src of ih x iw x ic and dst of oh x ow x oc; distances between pixels in elements. src lies in dst
/// from row `top`, column `left`, channel `front` on.
struct PadGeometry {
    std::int64_t n, ih, iw, ic, oh, ow, oc;
    std::int64_t src_ld, dst_ld;
    std::int64_t top, left, front;
};

/// dst = src in its place. Around it: `value`; src reflected at its outermost elements, which are not repeated (a
/// border is narrower than src); the nearest element of src. dst must not overlap src.
void pad_forward(const PadGeometry& g, PadMode mode, float value, const float* src, float* dst);

}  // namespace keel::kernels
