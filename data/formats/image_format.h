// The formats of images in files: one table, which decoding, listings of folders and messages are made from. A new
// format is a file that defines an ImageFormat, and a row here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "data/image.h"
#include "engine/image_reading.h"

namespace keel {

/// What a decoder may leave out, and how samples become brightness.
struct DecodeOptions {
    LeastSize least{};          ///< the image may come reduced, its sides not below this
    bool keep_16_bits = false;  ///< samples of more than 8 bits come as 16 bits or floats, where the reading keeps
                                ///< them; else they are rounded to 8
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
    /// Decodes the file that `header` was read from, without alpha, as it is stored: not turned. What it holds with
    /// more than 8 bits comes as 16 bits or floats, rescaled as `options` say (brightness_of()). Throws InputError that
    /// names `name`.
    Image (*decode)(Bytes file, const ImageHeader& header, const DecodeOptions& options, const std::string& name);
    /// Returns EXIF's Orientation of a file whose header could be read; null where the format has none.
    int (*orientation)(Bytes file, const ImageReading& reading) = nullptr;
};

extern const ImageFormat kPngFormat, kJpegFormat, kBmpFormat, kTiffFormat, kWebpFormat, kGifFormat, kPnmFormat,
    kDicomFormat;
// DICOM before TIFF: the first 128 bytes of a DICOM file are free, and some hold the header of a TIFF.
inline constexpr const ImageFormat* kImageFormats[] = {
    &kPngFormat, &kJpegFormat, &kBmpFormat, &kDicomFormat, &kTiffFormat, &kWebpFormat, &kGifFormat, &kPnmFormat,
};

/// Returns the format that a file begins as, null where there is none.
const ImageFormat* find_image_format(std::span<const std::uint8_t> file);

/// Returns whether the bytes of a file from `at` on are those of `text`.
bool begins_with(std::span<const std::uint8_t> file, std::string_view text, std::size_t at = 0);

/// Throws InputError that names `name` for an image that is empty or larger than the limits in decode.h.
void check_size(const ImageHeader& header, const std::string& name);

/// Returns whether a file's name ends as an image's does, in upper or lower case.
bool has_image_extension(std::string_view name);

/// Returns whether a listing takes a file for an image: its name ends as an image's does, or its name has no ending (or
/// one of digits, as file names made of UIDs have) and it begins as a DICOM file does. Then its first bytes are read. A
/// DICOMDIR is none. The file need not exist.
bool is_image_file(const std::filesystem::path& path);

/// Returns whether there is a file that begins as one of this format does.
bool begins_as(const ImageFormat& format, const std::filesystem::path& path);

/// Returns the formats' names, separated by `separator`, the last by `last`: "PNG, JPEG or BMP".
std::string image_format_names(std::string_view separator, std::string_view last);

/// Returns the formats' extensions: "png, jpg, jpeg, bmp".
std::string image_extensions();

/// Returns the image with samples of 16 bits, or floats of any range, made what reading.bit_depth and reading.rescale
/// say of them, as floats from 0 to 1; as it is where they say nothing and it has 8 or 16 bits. Throws InputError,
/// which begins with `name`, for a sample above what bit_depth allows, for floats outside of 0 to 1 without rescale,
/// and for those that are not finite.
Image brightness_of(Image image, const ImageReading& reading, const std::string& name);

}  // namespace keel
