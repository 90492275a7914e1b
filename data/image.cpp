#include "data/image.h"

#include <fmt/core.h>

#include "kernels/error.h"

namespace keel {
namespace {

template <class Sample>
void grey_of_rgb(const Sample* src, std::size_t pixels, Sample* dst) {
    for (std::size_t p = 0; p < pixels; ++p) {
        const std::uint32_t sum = 299U * src[3 * p] + 587U * src[3 * p + 1] + 114U * src[3 * p + 2];
        dst[p] = static_cast<Sample>((sum + 500) / 1000);
    }
}

template <class Sample>
void rgb_of_grey(const Sample* src, std::size_t pixels, Sample* dst) {
    for (std::size_t p = 0; p < pixels; ++p) dst[3 * p] = dst[3 * p + 1] = dst[3 * p + 2] = src[p];
}

}  // namespace

bool converts(int from, int to) { return from == to || (from == 3 && to == 1) || (from == 1 && to == 3); }

Image convert_channels(Image image, int channels, const std::string& name) {
    if (image.channels == channels) return image;
    const bool to_rgb = image.channels == 1;
    if (!converts(image.channels, channels))
        throw InputError(fmt::format("[decode] {}: {} channels, {} are wanted", name, image.channels, channels));
    Image result(image.width, image.height, channels, image.bits);
    const std::size_t pixels = static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height);
    if (image.bits == 16)
        (to_rgb ? rgb_of_grey<std::uint16_t> : grey_of_rgb<std::uint16_t>)(image.row16(0), pixels, result.row16(0));
    else
        (to_rgb ? rgb_of_grey<std::uint8_t> : grey_of_rgb<std::uint8_t>)(image.row(0), pixels, result.row(0));
    return result;
}

Image to_8_bits(Image image) {
    if (image.bits == 8) return image;
    Image result(image.width, image.height, image.channels);
    const std::uint16_t* src = image.row16(0);
    for (std::size_t i = 0; i < result.pixels.size(); ++i)
        result.pixels[i] = static_cast<std::uint8_t>((src[i] * 255U + 32767U) / 65535U);
    return result;
}

}  // namespace keel
