// Perceptually uniform colour maps: equal steps of a value look equally large, and they read in grey and to the colour-blind.
// viridis and inferno by Nathaniel J. Smith and Stefan van der Walt, made for matplotlib 1.5 (2015), CC0; matplotlib's table.
#pragma once

#include <array>
#include <cstdint>

namespace keel {

enum class ColourMap : std::uint8_t { viridis, inferno };

using Colour = std::array<std::uint8_t, 3>;  ///< red, green, blue

/// From the darkest, the value 0, to the lightest, 1.
const std::array<Colour, 256>& colour_table(ColourMap map);

/// The nearest colour of a value in [0, 1]; values outside are taken for the nearer end, NaN for 0.
Colour colour_of(ColourMap map, float value);

}  // namespace keel
