#include "data/image.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include <fmt/core.h>

#include "kernels/error.h"
#include "kernels/reduce/reduce.h"

namespace keel {
namespace {

template <class Sample>
Sample grey_of(const Sample* rgb) {
    if constexpr (std::is_same_v<Sample, float>)
        return static_cast<float>(0.299 * double{rgb[0]} + 0.587 * double{rgb[1]} + 0.114 * double{rgb[2]});
    else
        return static_cast<Sample>((299U * rgb[0] + 587U * rgb[1] + 114U * rgb[2] + 500U) / 1000U);
}

template <class Sample>
void convert(const Image& image, Image& result) {
    const auto* src = reinterpret_cast<const Sample*>(image.pixels.data());
    auto* dst = reinterpret_cast<Sample*>(result.pixels.data());
    const auto from = static_cast<std::size_t>(image.channels), to = static_cast<std::size_t>(result.channels);
    for (std::size_t p = 0, pixels = image.samples() / from; p < pixels; ++p) {
        const Sample value = from == 1 ? src[p] : grey_of(src + p * from);
        std::fill_n(dst + p * to, to, value);
    }
}

std::string extents_of(int width, int height, int channels, int bits) {
    return fmt::format("{} x {} x {} samples of {} bits", width, height, channels, bits);
}

bool known(int bits) { return bits == 8 || bits == 16 || bits == 32; }

}  // namespace

Image::Image(int w, int h, int c, int sample_bits) : width(w), height(h), channels(c), bits(sample_bits) {
    constexpr std::int64_t kMost = std::int64_t{1} << 56;
    const std::int64_t plane = std::int64_t{w} * h;
    if (w < 0 || h < 0 || c < 0 || !known(bits) || (plane > 0 && c > kMost / plane))
        throw UsageError("[image] wanted extents of at least 0 and 8, 16 or 32 bits, got " +
                         extents_of(w, h, c, sample_bits));
    pixels.resize(samples() * static_cast<std::size_t>(bits / 8));
}

void check_image(const Image& image, const std::string& who) {
    const auto& [width, height, channels, bits, pixels] = image;
    if (width < 1 || height < 1 || channels < 1 || !known(bits) || width > kMaxImageSide || height > kMaxImageSide ||
        pixels.size() != image.row_bytes() * static_cast<std::size_t>(height))
        throw InputError(fmt::format("[{}] wanted an image of 1 to {} pixels a side, got one of {} in {} bytes", who,
                                     kMaxImageSide, extents_of(width, height, channels, bits), pixels.size()));
    if (bits == 32 && !kernels::all_finite(static_cast<std::int64_t>(image.samples()), image.row_f(0)))
        throw InputError(fmt::format("[{}] an image's samples hold NaN or infinity", who));
}

Image convert_channels(Image image, int channels, const std::string& name) {
    if (image.channels == channels) return image;
    if (!channels_convert(image.channels, channels))
        throw InputError(fmt::format("[decode] {}: {} channels, {} are wanted", name, image.channels, channels));
    Image result(image.width, image.height, channels, image.bits);
    (image.bits == 8    ? convert<std::uint8_t>
     : image.bits == 16 ? convert<std::uint16_t>
                        : convert<float>)(image, result);
    return result;
}

Image to_8_bits(Image image) {
    if (image.bits == 8) return image;
    Image result(image.width, image.height, image.channels);
    const std::uint16_t* deep = image.row16(0);
    const float* floats = image.row_f(0);
    for (std::size_t i = 0; i < result.pixels.size(); ++i)
        result.pixels[i] =
            static_cast<std::uint8_t>(image.bits == 16 ? (deep[i] * 255U + 32767U) / 65535U
                                                       : static_cast<std::uint32_t>(floats[i] * 255.0F + 0.5F));
    return result;
}

Image shown(const Image& image) {
    Image shallow = to_8_bits(image);
    if (image.channels == 1 || image.channels == 3) return shallow;
    Image first(image.width, image.height, 1);
    for (std::size_t i = 0; i < first.pixels.size(); ++i)
        first.pixels[i] = shallow.pixels[i * static_cast<std::size_t>(image.channels)];
    return first;
}

Image turned(Image image, int orientation) {
    if (orientation < 2 || orientation > 8) return image;
    // The stored pixel that is seen at (x, y): axes swapped from 5 on, then each mirrored or not.
    const bool swapped = orientation >= 5;
    const bool mirror_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const bool mirror_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    Image result(swapped ? image.height : image.width, swapped ? image.width : image.height, image.channels,
                 image.bits);
    const std::size_t pixel = static_cast<std::size_t>(image.channels) * static_cast<std::size_t>(image.bits / 8);
    for (int y = 0; y < result.height; ++y) {
        std::uint8_t* dst = result.row(y);
        for (int x = 0; x < result.width; ++x, dst += pixel) {
            const int across = swapped ? y : x, down = swapped ? x : y;
            const int i = mirror_x ? image.width - 1 - across : across, j = mirror_y ? image.height - 1 - down : down;
            std::memcpy(dst, image.row(j) + static_cast<std::size_t>(i) * pixel, pixel);
        }
    }
    return result;
}

}  // namespace keel
