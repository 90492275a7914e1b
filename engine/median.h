// The middle of several measurements.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace keel {

/// Returns the middle value, the mean of the middle two where their number is even. Wants at least one value.
inline double median(std::vector<double> values) {
    std::ranges::sort(values);
    const std::size_t half = values.size() / 2;
    return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace keel
