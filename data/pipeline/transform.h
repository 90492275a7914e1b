// From a decoded picture to a network's input: resize, augmentation, normalisation.
#pragma once

#include <cstdint>
#include <vector>

#include "data/image.h"
#include "kernels/random.h"

namespace keel {

struct TransformOptions {
    int image_size = 224;           ///< side of the square output, pixels
    int channels = 1;               ///< of the output; 1 or 3, or the picture's own number
    bool augment = false;           ///< false: the options of the next block are ignored
    bool flip = true;               ///< mirror left to right with probability 1/2
    float rotate_degrees = 0.0F;    ///< rotation by an angle uniform in [-r, r]
    float shift = 0.0F;             ///< shift by a fraction of the side uniform in [-s, s], in x and in y
    float scale_min = 1.0F;         ///< random resized crop: area fraction uniform in [scale_min, 1]; 1: no crop
    float brightness = 0.0F;        ///< factor uniform in [1 - b, 1 + b]
    float contrast = 0.0F;          ///< factor uniform in [1 - c, 1 + c], about the picture's mean
    std::vector<float> mean{0.5F};  ///< of pixels in [0, 1]; one value for all channels or one a channel
    std::vector<float> std{0.25F};
};

/// Throws UsageError for an option outside its range.
void check_transform(const TransformOptions& options);

/// One draw of the augmentations. Ranges as in TransformOptions.
struct Augmentation {
    float crop_x = 0.0F, crop_y = 0.0F, crop_w = 1.0F, crop_h = 1.0F;  ///< fractions of the picture's sides
    bool flip = false;
    float angle = 0.0F;  ///< radians, clockwise as seen (y points down)
    float shift_x = 0.0F, shift_y = 0.0F;
    float brightness = 1.0F, contrast = 1.0F;
};

/// The augmentation of sample `index` in `epoch`: a function of these and the seed alone. The crop is torchvision's
/// RandomResizedCrop: aspect ratio log-uniform in [3/4, 4/3], ten attempts, then the whole picture.
Augmentation draw_augmentation(const TransformOptions& options, std::uint64_t seed, std::uint64_t epoch, std::uint64_t index);

/// How large a picture must be for transform_image() to lose nothing that shows: two pixels a side for each of the output's, so
/// that the resampling's filter still decides what is left.
LeastSize least_size(const TransformOptions& options, const Augmentation& augmentation);

/// A rectangle in pixels; need not lie on the pixel grid.
struct Box {
    double x, y, width, height;
};

/// Separable resampling of `box` to width x height with a triangle filter: bilinear when enlarging, widened to the scale
/// (antialiased) when shrinking, as PIL's and torchvision's antialiased bilinear. Sums in float, rounded once at the end;
/// the same size gives the same picture exactly. The box lies inside the picture.
Image resize(const Image& src, const Box& box, int width, int height);
Image resize(const Image& src, int width, int height);

/// Rotation by `angle` about the centre followed by a shift, sampled bilinearly; outside the picture is 0:
/// dst(x, y) = src(R(-angle) (p - centre - shift) + centre), p = (x, y), shift in pixels.
Image warp(const Image& src, float angle, float shift_x, float shift_y);

/// Writes image_size x image_size x channels floats: crop and resize, warp, flip, then
///   v = clamp(contrast * brightness * (p - m) + brightness * m, 0, 1), p = pixel / 255, m = mean of p over the picture,
///   dst = (v - mean[c]) / std[c].
/// Without augmentation it is resize and normalise. Throws InputError if the channels do not fit.
void transform_image(const Image& src, const TransformOptions& options, const Augmentation& augmentation, float* dst);

}  // namespace keel
