// Perceptually uniform color maps: equal steps of a value look equally large, and they read in grey and to the
// color-blind. viridis and inferno by Nathaniel J. Smith and Stefan van der Walt, made for matplotlib 1.5 (2015), CC0;
// matplotlib's table.
#pragma once

#include <array>
#include <cstdint>

namespace keel {

enum class ColorMap : std::uint8_t { viridis, inferno };

using Color = std::array<std::uint8_t, 3>;  ///< red, green, blue

/// Returns the colors of a map from the darkest, the value 0, to the lightest, 1.
const std::array<Color, 256>& color_table(ColorMap map);

/// Returns the nearest color of a value in [0, 1]; values outside are taken for the nearer end, NaN for 0.
Color color_of(ColorMap map, float value);

}  // namespace keel
