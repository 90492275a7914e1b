// EXIF, of which an image's orientation is used.
#pragma once

#include <cstdint>
#include <span>

namespace keel {

/// Returns the Orientation (1 to 8, see turned() in data/image.h) of an EXIF block: a TIFF header and its first
/// directory, which "Exif\0\0" may precede. What is damaged or does not say counts as 1, as it does for viewers.
int exif_orientation(std::span<const std::uint8_t> block);

}  // namespace keel
