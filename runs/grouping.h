// Which sample belongs to which group.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "runs/subgroups.h"

namespace keel {

inline constexpr const char* kUnknownGroup = "unknown";

struct Grouping {
    std::vector<std::string> names;                 ///< in the order of the values, kUnknownGroup last
    std::vector<std::vector<std::size_t>> members;  ///< samples of each group
    std::int64_t no_numbers = 0;                    ///< values that are none where ranges were asked for
};

/// Groups samples by their values of one attribute; `attributes` is {samples, names}. Throws as compare_subgroups()
/// does.
Grouping group_samples(const std::vector<std::string>& names, const std::vector<std::string>& attributes,
                       const GroupBy& by);

}  // namespace keel
