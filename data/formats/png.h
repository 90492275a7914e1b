// PNG: the container, and the kind of picture that nearly all files hold.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "data/image.h"

namespace keel {

/// The header of a file that begins with PNG's signature. Throws InputError if there is none, the file is truncated or the CRC of a
/// chunk does not match.
ImageHeader check_png(std::span<const std::uint8_t> file, const std::string& name);

/// The picture, without alpha, of a file that passed check_png: 8-bit grey or RGB, with alpha or without, not
/// interlaced. nullopt for any other kind, which is stb_image's to read. Throws InputError where the pixels are damaged.
std::optional<Image> decode_png(std::span<const std::uint8_t> file, const std::string& name);

}  // namespace keel
