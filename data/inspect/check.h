// Looking a data set over before it is trained on: every picture is decoded, and what belongs together is compared.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace keel {

enum class FindingKind {
    truncated,         ///< the picture's file ends too early
    too_large,         ///< the picture is beyond the decoder's limits
    unreadable,        ///< the picture cannot be read or decoded for another reason
    missing_picture,   ///< a row of the label file without its picture
    patient_across,    ///< a patient with pictures in several splits
    duplicate_across,  ///< the same pixels as a picture of another split
    duplicate,         ///< the same pixels as a picture of the same split
    other_size,        ///< another size than most pictures have
    unlabelled,        ///< a picture that the label file does not name
    unlisted,          ///< a labelled picture that is in none of the official lists
};
inline constexpr int kFindingKinds = 10;

/// "truncated", "missing_picture", ...
const char* finding_name(FindingKind kind);
/// Whether training would lose data by it, or its scores mean less than they say: the first five kinds.
bool is_error(FindingKind kind);

struct Finding {
    FindingKind kind;
    std::string split;   ///< its name, of several joined by '+'; empty where there is none
    std::string name;    ///< of the picture, or of the patient
    std::string detail;  ///< may be empty
};

struct CheckReport {
    std::vector<Finding> findings;  ///< by kind, then in the order of the splits
    std::int64_t pictures = 0;      ///< looked at
    int width = 0, height = 0;      ///< most pictures have; 0 where none could be decoded
    std::int64_t count(FindingKind kind) const;
    bool good() const;  ///< no finding is an error
};

/// Decodes every picture of every split on `workers` threads; `progress` is called from any thread, one at a time.
CheckReport check_dataset(const Dataset& dataset, int workers,
                          const std::function<void(std::int64_t done, std::int64_t total)>& progress = {});

}  // namespace keel
