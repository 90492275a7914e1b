// A decoded image, as the decoders hand it to the transforms.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace keel {

inline constexpr int kMaxImageSide = 16'384;

/// Samples of 8 or 16 bits, rows top to bottom, channels interleaved and dense: sample c of pixel (x, y) is number
/// (y * width + x) * channels + c. Samples of 16 bits lie in `pixels` as two bytes each, in the machine's order.
struct Image {
    int width = 0;
    int height = 0;
    int channels = 0;
    int bits = 8;  ///< of a sample: 8 or 16
    std::vector<std::uint8_t> pixels;

    Image() = default;
    Image(int w, int h, int c, int sample_bits = 8)
        : width(w), height(h), channels(c), bits(sample_bits), pixels(samples() * static_cast<std::size_t>(bits / 8)) {}

    std::size_t row_samples() const { return static_cast<std::size_t>(width) * static_cast<std::size_t>(channels); }
    std::size_t samples() const { return row_samples() * static_cast<std::size_t>(height); }
    std::size_t row_bytes() const { return row_samples() * static_cast<std::size_t>(bits / 8); }
    std::uint8_t* row(int y) { return pixels.data() + static_cast<std::size_t>(y) * row_bytes(); }
    const std::uint8_t* row(int y) const { return pixels.data() + static_cast<std::size_t>(y) * row_bytes(); }
    /// Row y of an image of 16 bits.
    std::uint16_t* row16(int y) { return reinterpret_cast<std::uint16_t*>(row(y)); }
    const std::uint16_t* row16(int y) const { return reinterpret_cast<const std::uint16_t*>(row(y)); }
};

/// A size in pixels below which no image is wanted; by default every image is smaller.
struct LeastSize {
    int width = kMaxImageSide + 1, height = kMaxImageSide + 1;
};

/// What the header of an image file claims; `channels` includes alpha, where it is a channel.
struct ImageHeader {
    int width, height, channels, bits;
};

/// A rectangle in pixels; need not lie on the pixel grid.
struct Box {
    double x, y, width, height;
};

/// Whether convert_channels() makes images of `to` channels of those of `from`: where they are equal, or 1 and 3.
bool converts(int from, int to);

/// Returns the image in `channels` channels, of the same depth. RGB to grey: round(0.299 R + 0.587 G + 0.114 B) (ITU-R
/// BT.601); grey to RGB: three times the same value; an equal number of channels: the image as it is. Throws
/// InputError, which begins with `name`, for any other pair.
Image convert_channels(Image image, int channels, const std::string& name);

/// Returns the image with 8 bits a sample: samples v of 16 bits become round(v * 255 / 65535).
Image to_8_bits(Image image);

}  // namespace keel
