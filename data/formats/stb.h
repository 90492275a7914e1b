// stb_image and stb_image_write under names that are Keel's alone: a program that embeds Keel may bring a stb of its
// own.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/formats/image_format.h"
#include "data/image.h"

namespace keel {

/// Returns the header of a PNG or BMP image; `name` is used in messages. Throws InputError for any other.
ImageHeader stb_header(std::span<const std::uint8_t> file, const std::string& name);

/// Returns a PNG or BMP image without alpha. `header` is the file's; of `options` counts what samples of 16 bits mean.
/// Throws InputError.
Image stb_decode(std::span<const std::uint8_t> file, const ImageHeader& header, const DecodeOptions& options,
                 const std::string& name);

/// Returns a PNG file of the image. Throws UsageError unless it has 8 bits, Error where there is no memory left for it.
std::vector<std::uint8_t> encode_png(const Image& image);

/// Returns a JPEG file of a grey or RGB image; `quality` from 1 to 100. Throws as encode_png does.
std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality);

}  // namespace keel
