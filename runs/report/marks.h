// Small drawings that are no line plots.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace keel::report {

/// A value and its interval on a stretch [low, high] with a tick at `middle`, a table cell's size. NaN: nothing is
/// drawn.
std::string interval(double value, double from, double to, double low, double high, double middle, int color = 0);

/// counts[truth * labels + predicted]; a cell's shade is its share of the row. Counts are written in up to 16 labels.
std::string confusion(const std::vector<std::int64_t>& counts, const std::vector<std::string>& labels);

}  // namespace keel::report
