// The side of a network's input where nobody says it, and what is odd about one that somebody says.
#pragma once

#include <string>
#include <vector>

#include "data/inspect/image_sides.h"
#include "models/model_spec.h"

namespace keel {

inline constexpr int kUsualImageSize = 224;  ///< pixels: what the architectures were made for

inline constexpr int kLeastImageSize = 8;

/// Returns the side of the input for images whose longer side is `side` pixels: theirs where they are smaller than
/// kUsualImageSize, else that. 0: nobody knows it.
int default_image_size(int side);

/// Returns what should be known of the size that default_image_size() chose; empty where it is the usual one.
std::string chosen_size_text(int size, const ImageSides& sides);

/// Returns a sentence for each of the size and the stem that do not suit images of these sides: images that are
/// enlarged, a small stem before large images, a usual one before small images.
std::vector<std::string> size_warnings(const ModelSpec& spec, const ImageSides& sides);

}  // namespace keel
