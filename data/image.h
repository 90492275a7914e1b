// A decoded picture, as the readers hand it to the transforms.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace keel {

inline constexpr int kMaxImageSide = 16'384;

/// 8-bit pixels, rows top to bottom, channels interleaved and dense: pixel (x, y) starts at (y * width + x) * channels.
struct Image {
    int width = 0;
    int height = 0;
    int channels = 0;
    std::vector<std::uint8_t> pixels;

    Image() = default;
    Image(int w, int h, int c)
        : width(w),
          height(h),
          channels(c),
          pixels(static_cast<std::size_t>(w) * static_cast<std::size_t>(h) * static_cast<std::size_t>(c)) {}

    std::size_t row_bytes() const { return static_cast<std::size_t>(width) * static_cast<std::size_t>(channels); }
    std::uint8_t* row(int y) { return pixels.data() + static_cast<std::size_t>(y) * row_bytes(); }
    const std::uint8_t* row(int y) const { return pixels.data() + static_cast<std::size_t>(y) * row_bytes(); }
};

/// A size in pixels below which no picture is wanted; by default every picture is smaller.
struct LeastSize {
    int width = kMaxImageSide + 1, height = kMaxImageSide + 1;
};

/// What the header of a picture claims; `channels` includes alpha, where it is a channel.
struct ImageHeader {
    int width, height, channels, bits;
};

}  // namespace keel
