// The formats of images in files: one table, which decoding, listings of folders and messages are made from. A new
// format is a file that defines an ImageFormat, and a row here.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "data/image.h"
#include "data/image_reading.h"

namespace keel {

/// What a decoder may leave out, and what it must not.
struct DecodeOptions {
    LeastSize least{};          ///< the image may come reduced, its sides not below this
    bool keep_16_bits = false;  ///< samples of 16 bits stay what they are; else they become round(v * 255 / 65535)
    ImageReading reading{};
};

struct ImageFormat {
    using Bytes = std::span<const std::uint8_t>;
    const char* name;                         ///< for messages: "PNG"
    std::span<const char* const> extensions;  ///< in lower case, without the dot
    /// Returns whether a file begins as one of this format does.
    bool (*matches)(Bytes file);
    /// Reads what a file that matches says of itself. Throws InputError that names `name` where it is damaged or cut
    /// off.
    ImageHeader (*header)(Bytes file, const std::string& name);
    /// Decodes the file that `header` was read from, without alpha, into grey or RGB. Throws InputError that names
    /// `name`.
    Image (*decode)(Bytes file, const ImageHeader& header, const DecodeOptions& options, const std::string& name);
};

extern const ImageFormat kPngFormat, kJpegFormat, kBmpFormat;
inline constexpr const ImageFormat* kImageFormats[] = {
    &kPngFormat,
    &kJpegFormat,
    &kBmpFormat,
};

/// Returns the format that a file begins as, null where there is none.
const ImageFormat* find_image_format(std::span<const std::uint8_t> file);

/// Returns whether a file's name ends as an image's does, in upper or lower case.
bool has_image_extension(std::string_view name);

/// Returns the formats' names, separated by `separator`, the last by `last`: "PNG, JPEG or BMP".
std::string image_format_names(std::string_view separator, std::string_view last);

/// Returns the formats' extensions: "png, jpg, jpeg, bmp".
std::string image_extensions();

}  // namespace keel
