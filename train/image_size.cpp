#include "train/image_size.h"

#include <fmt/format.h>

#include <algorithm>

namespace keel {
namespace {

constexpr int kSmallStemBelow = 64;  // pixels, see ModelOptions::small_stem
constexpr int kSmallStemOddFrom = 2 * kSmallStemBelow;

/// Whether the architecture has a stem that small images are given another for.
bool has_large_stem(const std::string& model) {
    return !model.starts_with("vgg") && model != "resnet20" && model != "resnet56";
}

}  // namespace

int default_image_size(int side) {
    return side <= 0 || side >= kUsualImageSize ? kUsualImageSize : std::max(side, kLeastImageSize);
}

std::string chosen_size_text(int size, const ImageSides& sides) {
    if (size == kUsualImageSize) return "";
    return fmt::format(
        "image_size is {}: of {} training images looked at none is larger than {} pixels, and enlarging them costs "
        "time "
        "and memory for nothing; --image-size {} is the usual size",
        size, sides.looked_at, sides.largest, kUsualImageSize);
}

std::vector<std::string> size_warnings(const ModelSpec& spec, const ImageSides& sides) {
    std::vector<std::string> warnings;
    const auto size = static_cast<int>(spec.image_size);
    const bool large_stem = has_large_stem(spec.name);
    if (sides.largest > 0 && size >= 2 * sides.largest && size > kSmallStemBelow)
        warnings.push_back(
            fmt::format("image_size {} enlarges images of {} pixels, which takes {:.0f} times the time and the memory "
                        "that their own size does: --image-size {}",
                        size, sides.largest, static_cast<double>(size) * size / (1.0 * sides.largest * sides.largest),
                        std::max(sides.largest, 28)));
    if (spec.options.small_stem && large_stem && size >= kSmallStemOddFrom)
        warnings.push_back(
            fmt::format("small_stem is for images under {} pixels: at image_size {} it makes maps of 16 times as many "
                        "pixels as the usual stem, and takes as many times the time and the memory",
                        kSmallStemBelow, size));
    if (!spec.options.small_stem && large_stem && size < kSmallStemBelow)
        warnings.push_back(
            fmt::format("the usual stem leaves maps of {} pixels of images of {}: --small-stem keeps more of them",
                        (size + 3) / 4, size));
    return warnings;
}

}  // namespace keel
