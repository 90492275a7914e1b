// From stored values to grey levels, the chain of PS3.3 and PS3.4, annex N: modality LUT or rescale, VOI LUT or window,
// the presentation LUT's shape, and MONOCHROME1 inverted once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/formats/dicom/file.h"

namespace keel::dicom {

/// Returns the grey level, 0 (black) to 65535, of each value that `bits` bits can hold; entry v is that of the pixels
/// whose bits, read as a number without a sign, are v. `bits` is 1 to 16.
///
/// A window or VOI LUT maps its range onto all of the levels. Without one the whole range that `bits` bits have after
/// the modality LUT is mapped onto them. `window` takes the place of the file's VOI LUT and window; of these the VOI
/// LUT comes first, and the first of several. Pixels that are padding become black.
///
/// Throws InputError that names `name` for a width that no window has.
std::vector<std::uint16_t> grey_levels(const Attributes& attributes, int bits, const std::optional<Window>& window,
                                       const std::string& name);

/// Whether the levels are in proportion to the values, up to the ends of a window: then an average of values has about
/// the average of their levels.
bool is_linear(const Attributes& attributes, const std::optional<Window>& window);

/// Whether all levels are those that 8 bits have, v * 257.
bool fit_8_bits(const std::vector<std::uint16_t>& levels);

}  // namespace keel::dicom
