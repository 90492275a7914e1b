// Groups of patients beside each other, in a run's report.
#pragma once

#include <string>

#include "runs/report/run_data.h"

namespace keel::report {

/// The groups that the attributes of the run's predictions make by themselves (usual_groups()); empty where there are
/// none.
std::string subgroups_html(const RunData& run);

}  // namespace keel::report
