// Letters to write into images: capitals, digits and some signs, five dots wide and seven high.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "data/image.h"

namespace keel {

using GlyphRows = std::array<std::uint8_t, 7>;  ///< from top to bottom, the leftmost dot in bit 4

/// Returns the dots of a letter; small letters look like capitals, what has no glyph like a question mark.
const GlyphRows& glyph_rows(char letter);

/// Returns how many dots wide a text is with one dot between letters; it is seven high.
int text_dots(std::string_view text);

/// Writes a text into an image of 8 bits, all channels, with its upper left corner at pixel (x, y), `scale` pixels a
/// dot, as far as it lies in the image. Throws UsageError for an image of other depth.
void write_text(Image& image, std::string_view text, int x, int y, int scale, std::uint8_t level);

}  // namespace keel
