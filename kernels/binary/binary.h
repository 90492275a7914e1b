// Arithmetic of two NHWC maps, element by element, where the second may be repeated along any axis. No alignment is
// needed. Single operations, each rounded once: the same bits on every ISA.
#pragma once

#include <cstdint>

namespace keel::kernels {

/// Of a and b: a + b, a - b, a * b, a / b; the larger, the smaller (a NaN of either wins); a to the power of b.
enum class BinaryKind : std::uint8_t { add, sub, mul, div, max, min, pow };

/// A map of n images and what is combined with it: distances of `src` and `dst` are those between pixels, the steps of
/// `other` those from one image, row, pixel and channel (0 or 1) to the next, in elements; 0 repeats.
struct BroadcastGeometry {
    std::int64_t n, h, w, c, src_ld, dst_ld;
    std::int64_t other_image, other_row, other_pixel, other_channel;
};

/// dst = src KIND other, or other KIND src if `swapped`. Powers are C's pow() in double, rounded to float, but for the
/// exponents 2 and 3, which are products, and 1/2, a square root (of -0: 0, of -infinity: infinity, as pow() has it).
/// dst may be src (with equal distances) or a dense `other` of the same extents, and must not overlap them otherwise.
void binary_forward(const BroadcastGeometry& g, BinaryKind kind, bool swapped, const float* src, const float* other,
                    float* dst);

}  // namespace keel::kernels
