// What a run took.
#pragma once

#include <string>

#include "runs/report/run_data.h"

namespace keel::report {

/// Time, core hours, energy and what they cost, and their course over the epochs; empty where the run does not say it.
/// An estimate is called one.
std::string costs_html(const RunData& run);

}  // namespace keel::report
