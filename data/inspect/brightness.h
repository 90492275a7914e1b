// How images use the range of their samples, and in which other ways their files are not what they seem: looked at in a
// few images of a set.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace keel {

/// The range of an image that uses little of what its samples could hold.
struct NarrowRange {
    int bits = 0;          ///< of a sample, see Image
    double brightest = 0;  ///< sample, from 0 to 1

    int bits_used() const;     ///< by the brightest of 16 bits
    std::string text() const;  ///< "uses 12 of 16 bits"
};

/// Returns the range of an image of more than 8 bits whose brightest sample is at most a quarter of white, or of one of
/// 8 bits where it is at most a sixteenth; of others none.
std::optional<NarrowRange> narrow_range(const Image& image);

/// Returns what to do about images of such ranges, which were read as `reading` says.
std::string range_advice(const std::vector<NarrowRange>& ranges, const ImageReading& reading);

/// Returns what can be said of the images: a note on their formats where there are several, by the names' endings; and,
/// of at most kImagesLookedAt of them, spread evenly over the splits, warnings where a narrow range is at least a
/// quarter's (of 8 bits all images') or EXIF's Orientation is not applied. Which are looked at depends on the samples alone. Images that cannot be
/// read are left to those who load them.
std::vector<Remark> describe_images(const Dataset& dataset);

inline constexpr std::int64_t kImagesLookedAt = 16;

/// Returns EXIF's Orientation of a file, 1 where it cannot be read.
int orientation_of_file(const std::string& file, const ImageReading& reading);

}  // namespace keel
