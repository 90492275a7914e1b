// What stb_image makes of a file: the reference for decoders that are not it.
#pragma once

#include <span>

#include "data/image.h"

namespace keel::test {

/// Without alpha; 16-bit samples v become round(v * 255 / 65535). Empty where stb_image refuses the file.
Image stb_image(std::span<const std::uint8_t> file);

}  // namespace keel::test
