// What a data set holds, for people.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "data/dataset.h"

namespace keel {

struct SplitCounts {
    std::int64_t samples = 0;
    std::int64_t without_label = 0;       ///< Task::labels: samples known to have none ("No Finding"); else 0
    std::vector<std::int64_t> per_label;  ///< samples with each label, in the order of label_names()
    std::vector<std::int64_t> unknown;    ///< samples of which each label, or the class, is not known
};

/// Returns the counts of each split, indexed by Split.
std::array<SplitCounts, 3> count_labels(const Dataset& dataset);

/// Returns what was found and used, a note a split, then what was not and why: the data set's own remarks, rows without
/// image, images without row or list, patients in several splits, labels that a split does not show or does not know.
std::vector<Remark> describe(const Dataset& dataset);

}  // namespace keel
