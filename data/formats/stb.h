// stb_image and stb_image_write behind names that are Keel's alone: a program that embeds Keel may bring a stb of its own.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/image.h"

namespace keel {

/// Of a PNG or BMP picture; `name` is used in messages. Throws InputError for any other.
ImageHeader stb_header(std::span<const std::uint8_t> file, const std::string& name);

/// A PNG or BMP picture without alpha; 16-bit samples v become round(v * 255 / 65535). `header` is the file's. Throws InputError.
Image stb_decode(std::span<const std::uint8_t> file, const ImageHeader& header, const std::string& name);

/// A PNG file of the picture. Throws Error where there is no memory left for it.
std::vector<std::uint8_t> encode_png(const Image& image);

/// A JPEG file of a grey or RGB picture; `quality` from 1 to 100. Throws Error where there is no memory left for it.
std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality);

}  // namespace keel
