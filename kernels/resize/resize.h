// Resampling of NHWC maps of floats in one or both directions, as ONNX's Resize defines it without antialiasing.
#pragma once

#include <cstdint>

namespace keel::kernels {

enum class ResizeKind : std::uint8_t { nearest, linear };

/// Where pixel o of an axis of dst lies in src, with in and out the extents and s the scale, in float as the standard's
/// implementations have it:
///   half_pixel          (o + 0.5) / s - 0.5
///   pytorch_half_pixel  likewise, but 0 where out == 1
///   align_corners       o * (in - 1) / (out - 1), 0 where out == 1
///   asymmetric          o / s
enum class ResizeCoordinates : std::uint8_t { half_pixel, pytorch_half_pixel, align_corners, asymmetric };

/// How a coordinate becomes that of the nearest pixel; halves down or up where one is preferred.
enum class NearestRounding : std::uint8_t { round_prefer_floor, round_prefer_ceil, floor, ceil };

/// Maps of n images; distances between pixels in elements.
struct ResizeGeometry {
    std::int64_t n, ih, iw, c, oh, ow;
    std::int64_t src_ld, dst_ld;
    float scale_h, scale_w;  ///< above 0
    ResizeKind kind;
    ResizeCoordinates coordinates;
    NearestRounding rounding;
};

/// nearest: dst = src at the rounded coordinates. linear: the mean of the four pixels around, weighted by how near they
/// are. Coordinates outside src are moved to its border. The same bits on every ISA.
void resize_forward(const ResizeGeometry& g, const float* src, float* dst);

}  // namespace keel::kernels
