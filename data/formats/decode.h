// Images from files of the formats in image_format.h, checked before and after decoding.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/formats/image_format.h"
#include "data/image.h"

namespace keel {

inline constexpr std::int64_t kMaxImagePixels = 100'000'000;
inline constexpr int kMaxImageChannels = 32;
inline constexpr std::int64_t kMaxImageFileBytes = std::int64_t{1} << 29;

/// Reads the whole file. Throws IoError if it cannot be read, InputError if it is no regular file or longer than
/// `limit` bytes.
std::vector<std::uint8_t> read_bytes(const std::string& path, std::int64_t limit);

/// Returns the header of an encoded image; `name` is used in messages. Throws InputError if it is of no known format,
/// is truncated or damaged, or claims more than kMaxImageSide a side or kMaxImagePixels in all.
ImageHeader probe_image(std::span<const std::uint8_t> bytes, const std::string& name);

/// Decodes into `channels` channels: 1 or 3, or 0 for the image's own number without alpha. Alpha is dropped (NIH's
/// RGBA files are opaque grey images); the image is turned as EXIF says unless the reading leaves that; for the rest
/// see ImageReading and convert_channels. A truncated file, a PNG chunk whose CRC does not match and damaged JPEG data
/// are an InputError, not a half-grey image. A JPEG image comes with its sides divided by 2, 4 or 8, exactly, where
/// they are still at least `options.least` then.
Image decode_image(std::span<const std::uint8_t> bytes, int channels, const std::string& name,
                   const DecodeOptions& options = {});

/// Returns EXIF's Orientation of an encoded image, 1 to 8, whether or not it is applied. Throws as probe_image() does.
int probe_orientation(std::span<const std::uint8_t> bytes, const std::string& name, const ImageReading& reading = {});

/// Does read_bytes and decode_image.
Image load_image(const std::string& path, int channels, const DecodeOptions& options = {});

}  // namespace keel
