// How large a data set's images are, as far as some of them tell.
#pragma once

#include "data/dataset.h"

namespace keel {

/// The longer sides of images that were looked at, pixels.
struct ImageSides {
    int largest = 0;    ///< 0: none could be read
    int looked_at = 0;  ///< images
};

inline constexpr int kSidesLookedAt = 8;

/// Looks at a few images of the training split, spread evenly over it: which ones depends on their number alone. Images
/// that cannot be read are left to those who load them. Throws StorageError where the storage does not answer.
ImageSides image_sides(const Dataset& dataset);

}  // namespace keel
