// How keel bench --profile shows where the time of a step went.
#pragma once

#include <string>

#include "engine/json.h"
#include "engine/profile_summary.h"

namespace keel {

/// Returns two tables, by kind of work and by layer; times are of one of the `steps` recorded. Layers
/// of less than 0.005 ms are left out.
std::string profile_text(const profile::Summary& summary, int steps);

/// Returns the same figures as an object: {steps, step_ms, kinds [{kind, calls, ms, gflops, gbs}], layers [{layer,
/// forward {...}, backward
/// {...}}]}, where gflops and gbs are 1e9 operations and bytes a second.
Json profile_json(const profile::Summary& summary, int steps);

}  // namespace keel
