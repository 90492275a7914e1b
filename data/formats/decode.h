// Pictures from files, PNG, JPEG and BMP, checked before and after decoding.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/image.h"

namespace keel {

inline constexpr std::int64_t kMaxImagePixels = 100'000'000;
inline constexpr std::int64_t kMaxImageFileBytes = std::int64_t{1} << 29;

/// Reads the whole file. Throws IoError if it cannot be read, InputError if it is no regular file or longer than `limit` bytes.
std::vector<std::uint8_t> read_file(const std::string& path, std::int64_t limit);

/// The header of an encoded picture; `name` is used in messages. Throws InputError if it is not PNG, JPEG or BMP,
/// is truncated or damaged, or claims more than kMaxImageSide a side or kMaxImagePixels in all.
ImageHeader probe_image(std::span<const std::uint8_t> bytes, const std::string& name);

/// Decodes into `channels` channels: 1 or 3, or 0 for the picture's own number without alpha. Alpha is dropped (NIH's RGBA
/// files are opaque grey pictures); 16-bit samples v become round(v * 255 / 65535); for the rest see convert_channels.
/// A truncated file, a PNG chunk whose CRC does not match and damaged JPEG data are an InputError, not a half-grey picture.
/// A JPEG picture comes with its sides divided by 2, 4 or 8, exactly, where they are still at least `least` then.
Image decode_image(std::span<const std::uint8_t> bytes, int channels, const std::string& name, LeastSize least = {});

/// read_file and decode_image.
Image load_image(const std::string& path, int channels, LeastSize least = {});

/// RGB to grey: round(0.299 R + 0.587 G + 0.114 B) (ITU-R BT.601); grey to RGB: three times the same value; an equal number of
/// channels is returned as it is. Throws InputError for any other pair.
Image convert_channels(Image image, int channels, const std::string& name);

}  // namespace keel
