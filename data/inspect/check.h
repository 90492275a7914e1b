// Looking a data set over before it is trained on: every image is decoded, and what belongs together is compared.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace keel {

enum class FindingKind {
    truncated,         ///< the image's file ends too early
    too_large,         ///< the image is beyond the decoder's limits
    unreadable,        ///< the image cannot be read or decoded for another reason
    missing_image,     ///< a row of the label file without its image
    patient_across,    ///< a patient with images in several splits
    duplicate_across,  ///< the same pixels as an image of another split
    duplicate,         ///< the same pixels as an image of the same split
    other_size,        ///< another size than most images have
    unlabelled,        ///< an image that the label file does not name
    unlisted,          ///< a labelled image that is in none of the official lists
    narrow_range,      ///< an image whose samples use little of their range: nearly black
    not_turned,        ///< an image whose EXIF Orientation is not applied
    empty_class,       ///< a class without training samples
    not_used,          ///< a warning of the source: what it did not use, or guessed, and why
};
inline constexpr int kFindingKinds = 14;

/// Returns the finding's name in tables: "truncated", "missing_image", ...
const char* finding_name(FindingKind kind);
/// Returns whether training would lose data by it, or its scores mean less than they say: the first five kinds.
bool is_error(FindingKind kind);

struct Finding {
    FindingKind kind;
    std::string split;   ///< its name, of several joined by '+'; empty where there is none
    std::string name;    ///< of the image, or of the patient
    std::string detail;  ///< may be empty
};

struct CheckReport {
    std::vector<Finding> findings;  ///< by kind, then in the order of the splits
    std::int64_t images = 0;        ///< looked at
    int width = 0, height = 0;      ///< most images have; 0 where none could be decoded
    std::int64_t count(FindingKind kind) const;
    bool good() const;  ///< no finding is an error
};

/// Decodes every image of every split on `workers` threads; `progress` is called from any thread, one at a time.
CheckReport check_dataset(const Dataset& dataset, int workers,
                          const std::function<void(std::int64_t done, std::int64_t total)>& progress = {});

}  // namespace keel
