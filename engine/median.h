// The middle of several measurements.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace keel {

/// Of an even number of values, the mean of the middle two. At least one value.
inline double median(std::vector<double> values) {
    std::ranges::sort(values);
    const std::size_t half = values.size() / 2;
    return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace keel
