// What samples of more than 8 bits mean.
#include <algorithm>
#include <cmath>

#include <fmt/core.h>

#include "data/formats/image_format.h"
#include "kernels/error.h"

namespace keel {
namespace {

/// Returns floats from 0 at `low` to 1 at `high`, clamped.
template <class Sample>
Image scaled(const Image& image, const Sample* src, double low, double high) {
    Image result(image.width, image.height, image.channels, 32);
    float* dst = result.row_f(0);
    for (std::size_t i = 0; i < result.samples(); ++i)
        dst[i] = static_cast<float>(std::clamp((static_cast<double>(src[i]) - low) / (high - low), 0.0, 1.0));
    return result;
}

Image of_depth(const Image& image, int depth, const std::string& name) {
    const std::uint16_t* src = image.row16(0);
    const int most = *std::max_element(src, src + image.samples()), allowed = (1 << depth) - 1;
    if (most > allowed)
        throw InputError(
            fmt::format("[decode] {}: a sample of {}, bit_depth {} allows {} at most", name, most, depth, allowed));
    return scaled(image, src, 0, allowed);
}

void require_unit_range(const Image& image, const std::string& name) {
    const float* src = image.row_f(0);
    const auto [low, high] = std::minmax_element(src, src + image.samples());
    if (*low < 0.0F || *high > 1.0F)
        throw InputError(fmt::format(
            "[decode] {}: samples from {} to {}, 0 to 1 are wanted; rescale LOW,HIGH says which are black and white",
            name, *low, *high));
}

}  // namespace

Image brightness_of(Image image, const ImageReading& reading, const std::string& name) {
    const std::vector<float>& ends = reading.rescale;
    if (image.bits == 8) return image;
    if (image.bits == 16) {
        if (!ends.empty()) return scaled(image, image.row16(0), double{ends[0]}, double{ends[1]});
        return reading.bit_depth == 0 || reading.bit_depth == 16 ? std::move(image)
                                                                 : of_depth(image, reading.bit_depth, name);
    }
    const float* src = image.row_f(0);
    if (!std::all_of(src, src + image.samples(), [](float v) { return std::isfinite(v); }))
        throw InputError(fmt::format("[decode] {}: a sample is not a finite number", name));
    if (!ends.empty()) return scaled(image, src, double{ends[0]}, double{ends[1]});
    require_unit_range(image, name);
    return image;
}

}  // namespace keel
