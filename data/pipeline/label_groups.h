// Samples by what they show, for a sampler that shows everything equally often.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace keel {

/// Samples of a split that show the same, none of them empty.
struct LabelGroups {
    std::vector<std::string> names{};                  ///< of classes or labels; "no label"
    std::vector<std::vector<std::int64_t>> samples{};  ///< of each group, indices into Dataset::samples(split)
    std::int64_t left_out = 0;                         ///< samples of which nothing is known
};

/// Groups by class; of labels one group a label, of the samples that show it, and one of those that show none. A sample
/// that shows several labels is in several groups; one of which no label or class is known is in none.
LabelGroups label_groups(const Dataset& dataset, Split split);

}  // namespace keel
