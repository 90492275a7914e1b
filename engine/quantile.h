// The middle of several measurements, and what most of them are below.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace keel {

/// Returns the middle value, the mean of the middle two where their number is even. Wants at least one value.
inline double median(std::vector<double> values) {
    std::ranges::sort(values);
    const std::size_t half = values.size() / 2;
    return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// Returns the least value that the `share` of the values do not exceed, 0.99 for 99 of 100. Wants at least one value.
inline double quantile(std::vector<double> values, double share) {
    std::ranges::sort(values);
    const double at = std::ceil(share * static_cast<double>(values.size()));
    return values[std::clamp<std::size_t>(static_cast<std::size_t>(at), 1, values.size()) - 1];
}

}  // namespace keel
