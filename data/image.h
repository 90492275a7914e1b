// A decoded image, as the decoders hand it to the transforms.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace keel {

inline constexpr int kMaxImageSide = 16'384;

/// Samples of 8 or 16 bits or floats from 0 to 1, rows top to bottom, channels interleaved and dense: sample c of pixel
/// (x, y) is number (y * width + x) * channels + c. Samples of more than 8 bits lie in `pixels` as two or four bytes
/// each, in the machine's order.
struct Image {
    int width = 0;
    int height = 0;
    int channels = 0;
    int bits = 8;  ///< of a sample: 8, 16, or 32 for a float
    std::vector<std::uint8_t> pixels;

    Image() = default;
    /// Throws UsageError for numbers below 0, more samples than 64 bits count, and bits other than 8, 16 and 32.
    Image(int w, int h, int c, int sample_bits = 8);

    std::size_t row_samples() const { return static_cast<std::size_t>(width) * static_cast<std::size_t>(channels); }
    std::size_t samples() const { return row_samples() * static_cast<std::size_t>(height); }
    std::size_t row_bytes() const { return row_samples() * static_cast<std::size_t>(bits / 8); }
    std::uint8_t* row(int y) { return pixels.data() + static_cast<std::size_t>(y) * row_bytes(); }
    const std::uint8_t* row(int y) const { return pixels.data() + static_cast<std::size_t>(y) * row_bytes(); }
    /// Row y of an image of 16 bits.
    std::uint16_t* row16(int y) { return reinterpret_cast<std::uint16_t*>(row(y)); }
    const std::uint16_t* row16(int y) const { return reinterpret_cast<const std::uint16_t*>(row(y)); }
    /// Row y of an image of floats.
    float* row_f(int y) { return reinterpret_cast<float*>(row(y)); }
    const float* row_f(int y) const { return reinterpret_cast<const float*>(row(y)); }
};

/// A size in pixels below which no image is wanted; by default every image is smaller.
struct LeastSize {
    int width = kMaxImageSide + 1, height = kMaxImageSide + 1;
};

/// The distance of pixels' centers in mm; zeros where the file does not say. It is that in the patient where the file
/// knows it, else that on the detector.
struct PixelSpacing {
    double vertical = 0, horizontal = 0;
    bool known() const { return vertical > 0 && horizontal > 0; }
};

/// What the header of an image file claims; `channels` includes alpha, where it is a channel.
struct ImageHeader {
    int width, height, channels, bits;
    int decoded = 0;  ///< channels of the decoded image: without alpha, of inks their colors; 0: 1 of up to 2, else 3
    PixelSpacing spacing{};
};

/// A rectangle in pixels; need not lie on the pixel grid.
struct Box {
    double x, y, width, height;
};

/// Returns whether images of so many channels become images of `to`: RGB grey, grey any, all others their own alone.
constexpr bool channels_convert(int from, int to) { return from == to || from == 1 || (from == 3 && to == 1); }

/// Throws InputError, which begins with `who`, for an image without a pixel, whose pixels are not as many as its fields
/// say, or whose floats are NaN or infinite: of one that a program made.
void check_image(const Image& image, const std::string& who);

/// Returns the image in `channels` channels, of the same depth. RGB to grey: 0.299 R + 0.587 G + 0.114 B (ITU-R
/// BT.601), rounded unless they are floats; grey to others: the same value in each. Throws InputError, which begins
/// with `name`, unless channels_convert().
Image convert_channels(Image image, int channels, const std::string& name);

/// Returns the image with 8 bits a sample: samples v of 16 bits become round(v * 255 / 65535), floats round(255 v).
Image to_8_bits(Image image);

/// Returns a grey or RGB image of 8 bits to look at: of one with another number of channels the first.
Image shown(const Image& image);

/// Returns the image as EXIF's Orientation says that it is to be seen (CIPA DC-008, tag 274): 1 as it is stored, 2
/// mirrored left to right, 3 turned by 180 degrees, 4 mirrored top to bottom, 5 transposed, 6 turned clockwise by 90
/// degrees, 7 transposed about the other diagonal, 8 turned counter-clockwise; any other number counts as 1.
Image turned(Image image, int orientation);

}  // namespace keel
