// Resampling of images: resizing, and rotation with a shift.
#pragma once

#include <vector>

#include "data/image.h"

namespace keel {

/// An image of 16 bits or floats on its way through the transforms, unrounded: values from 0 to 1, laid out as in
/// Image.
struct FloatImage {
    int width = 0, height = 0, channels = 0;
    std::vector<float> values;

    FloatImage() = default;
    FloatImage(int w, int h, int c)
        : width(w),
          height(h),
          channels(c),
          values(static_cast<std::size_t>(w) * static_cast<std::size_t>(h) * static_cast<std::size_t>(c)) {}
    std::size_t row_samples() const { return static_cast<std::size_t>(width) * static_cast<std::size_t>(channels); }
    float* row(int y) { return values.data() + static_cast<std::size_t>(y) * row_samples(); }
    const float* row(int y) const { return values.data() + static_cast<std::size_t>(y) * row_samples(); }
};

/// Returns the values of an image of 16 bits, v / 65535, or of floats.
FloatImage floats_of(const Image& image);

/// Returns the same as an image of floats.
Image image_of(const FloatImage& floats);

/// Separable resampling of `box` to width x height with a triangle filter: bilinear when enlarging, widened to the
/// scale (antialiased) when shrinking, as PIL's and torchvision's antialiased bilinear. Sums in float (of samples with
/// more than 8 bits in double), rounded once at the end to the image's own depth; the same size gives the same image
/// exactly. The box lies inside the image.
Image resize(const Image& src, const Box& box, int width, int height);
Image resize(const Image& src, int width, int height);
/// Does the same to an image of 16 bits or floats, without rounding at the end to less than a float.
FloatImage resize_to_floats(const Image& src, const Box& box, int width, int height);

/// Rotation by `angle` about the centre followed by a shift, sampled bilinearly; outside the image is 0:
/// dst(x, y) = src(R(-angle) (p - centre - shift) + centre), p = (x, y), shift in pixels. An image of 8 bits is
/// rounded, and sampled at coordinates of 1/65536 pixel; warp throws UsageError for one of more, which goes through
/// as floats.
Image warp(const Image& src, float angle, float shift_x, float shift_y);
FloatImage warp(const FloatImage& src, float angle, float shift_x, float shift_y);

}  // namespace keel
