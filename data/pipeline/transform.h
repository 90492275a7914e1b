// From a decoded image to a network's input: resize, augmentation, normalization.
#pragma once

#include <cstdint>
#include <vector>

#include "data/image.h"
#include "data/pipeline/resample.h"
#include "engine/image_reading.h"
#include "kernels/random.h"

namespace keel {

struct TransformOptions {
    int image_size = 224;           ///< side of the square output, pixels
    int channels = 1;               ///< of the output; what the image's channels become, see channels_convert()
    bool augment = false;           ///< false: the options of the next block are ignored
    bool flip = true;               ///< mirror left to right with probability 1/2
    float rotate_degrees = 0.0F;    ///< rotation by an angle uniform in [-r, r]
    float shift = 0.0F;             ///< shift by a fraction of the side uniform in [-s, s], in x and in y
    float scale_min = 1.0F;         ///< random resized crop: area fraction uniform in [scale_min, 1]; 1: no crop
    float brightness = 0.0F;        ///< factor uniform in [1 - b, 1 + b]
    float contrast = 0.0F;          ///< factor uniform in [1 - c, 1 + c], about the image's mean
    float erase = 0.0F;             ///< random erasing: probability that a rectangle is replaced by noise
    float erase_area = 0.4F;        ///< its area as a fraction of the image's is uniform in [kLeastErased, this]
    std::vector<float> mean{0.5F};  ///< of pixels in [0, 1]; one value for all channels or one a channel
    std::vector<float> std{0.25F};
    ImageReading reading{};  ///< of files that are read for the output (embed/images.h)

    bool operator==(const TransformOptions&) const = default;
};

/// Throws UsageError for an option outside its range.
void check_transform(const TransformOptions& options);

inline constexpr float kLeastErased = 0.02F;

/// One draw of the augmentations. Ranges as in TransformOptions.
struct Augmentation {
    float crop_x = 0.0F, crop_y = 0.0F, crop_w = 1.0F, crop_h = 1.0F;  ///< fractions of the image's sides
    bool flip = false;
    float angle = 0.0F;  ///< radians, clockwise as seen (y points down)
    float shift_x = 0.0F, shift_y = 0.0F;
    float brightness = 1.0F, contrast = 1.0F;
    float erase_x = 0.0F, erase_y = 0.0F, erase_w = 0.0F, erase_h = 0.0F;  ///< fractions of the output's side
    std::uint64_t noise = 0;                                               ///< what the erased pixels are drawn from
};

/// Returns the augmentation of sample `index` in `epoch`: a function of these and the seed alone. The crop is
/// torchvision's RandomResizedCrop: aspect ratio log-uniform in [3/4, 4/3], ten attempts, then the whole image.
/// The erased rectangle is that of Zhong et al., "Random erasing data augmentation" (AAAI 2020, algorithm 1): area
/// uniform in [kLeastErased, erase_area], height by width uniform in [0.3, 1 / 0.3], drawn again until it lies inside,
/// a hundred times at most.
Augmentation draw_augmentation(const TransformOptions& options, std::uint64_t seed, std::uint64_t epoch,
                               std::uint64_t index);

/// Returns how large an image must be for transform_image() to lose nothing that shows: two pixels a side for each of
/// the output's, so that the resampling's filter still decides what is left.
LeastSize least_size(const TransformOptions& options, const Augmentation& augmentation);

/// Writes image_size x image_size x channels floats: crop and resize, warp, flip, then
///   v = clamp(contrast * brightness * (p - m) + brightness * m, 0, 1), m = mean of p over the image,
///   dst = (v - mean[c]) / std[c],
/// p = pixel / 255 of an image of 8 bits, which is rounded to pixels after each of the first two, and pixel / 65535 of
/// one of 16 bits, or the sample itself of one of floats, which never are. The erased rectangle comes last: dst = (u -
/// mean[c]) / std[c], u uniform in [0, 1) for each value, or for each pixel of a grey image. Without augmentation it is
/// resize and normalize. Throws InputError if the channels do not fit, or as check_image() does.
void transform_image(const Image& src, const TransformOptions& options, const Augmentation& augmentation, float* dst);

}  // namespace keel
