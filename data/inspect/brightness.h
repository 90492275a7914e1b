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

/// Collects what is odd about images that can be read all the same.
class OddImages {
public:
    /// `reading`: how the images were read.
    explicit OddImages(const ImageReading& reading) : reading_(reading) {}

    /// Looks at an image; `file` may be empty, `name` is for the remarks.
    void look(const std::string& name, const std::string& file, const Image& image);
    /// Returns a warning where more than `few` of the images have a narrow range (of 8 bits alone: all of them), and
    /// one where some are not turned as EXIF says.
    std::vector<Remark> remarks(std::size_t few) const;
    std::size_t looked_at() const { return looked_at_; }

private:
    const ImageReading reading_;
    std::size_t looked_at_ = 0;
    std::vector<NarrowRange> ranges_;
    std::vector<std::string> narrow_, not_turned_;
};

/// Returns what can be said of the images: a note on their formats where there are several, by the names' endings; and,
/// of at most kImagesLookedAt of them, spread evenly over the splits, warnings where a narrow range is at least a
/// quarter's (of 8 bits all images') or EXIF's Orientation is not applied. Which are looked at depends on the samples
/// alone. Images that cannot be read are left to those who load them.
std::vector<Remark> describe_images(const Dataset& dataset);

inline constexpr std::int64_t kImagesLookedAt = 16;

/// Returns EXIF's Orientation of a file, 1 where it cannot be read.
int orientation_of_file(const std::string& file, const ImageReading& reading);

}  // namespace keel
