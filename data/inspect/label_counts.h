// How many samples of each split show each label, for people and programs.
#pragma once

#include <array>
#include <string>

#include "data/inspect/info.h"
#include "engine/json.h"

namespace keel {

/// {"train": {"samples": n, "labels": {LABEL: n, ...}, "without_label": n}, ...}, the last for Task::labels alone; with
/// "unknown": {LABEL: n, ...} where some are.
Json label_counts_json(const Dataset& dataset, const std::array<SplitCounts, 3>& counts);
/// Returns the counts as a table.
std::string label_counts_table(const Dataset& dataset, const std::array<SplitCounts, 3>& counts);

}  // namespace keel
