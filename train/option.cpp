#include "train/option.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>

namespace keel {

bool NumberRange::holds(double value) const {
    if (!std::isfinite(value)) return false;
    return (low_excluded ? value > low : value >= low) && (high_excluded ? value < high : value <= high);
}

std::string NumberRange::text() const {
    const std::string from = fmt::format("{}{}", low_excluded ? "above " : "", low);
    const std::string to = fmt::format("{}{}", high_excluded ? "below " : "", high);
    if (std::isinf(high)) return low_excluded ? from : "at least " + from;
    return from + " to " + to;
}

std::string flag_of(std::string_view key) {
    std::string flag = "--" + std::string(key);
    std::replace(flag.begin(), flag.end(), '_', '-');
    return flag;
}

}  // namespace keel
