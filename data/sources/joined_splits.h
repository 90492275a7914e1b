// All splits of a data set as one, to score a set as a whole that another program or hospital divided.
#pragma once

#include <memory>
#include <string>

#include "data/dataset.h"

namespace keel {

/// How commands call all splits together, where they take a split's name.
inline constexpr const char* kAllSplits = "all";

/// Returns a data set whose test split is all samples, train before val before test, and whose other splits are empty.
/// Samples whose class is not known are left out, and counted in its remarks.
std::unique_ptr<Dataset> join_splits(std::unique_ptr<Dataset> dataset);

/// Returns the split that is called `name`. For "all" join_splits() of `dataset` takes its place, and the split is its
/// test. Throws UsageError for a name that is none.
Split take_split(std::unique_ptr<Dataset>& dataset, const std::string& name);

}  // namespace keel
