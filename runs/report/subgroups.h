// Groups of patients beside each other, in a run's report.
#pragma once

#include <string>

#include "runs/predictions_file.h"

namespace keel::report {

/// The groups that the predictions' attributes make by themselves (usual_groups()); empty where there are none.
std::string subgroups_html(const StoredPredictions& stored);

}  // namespace keel::report
