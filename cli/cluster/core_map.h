// Which cores of a node its ranks use, as keel doctor shows it.
#pragma once

#include <string>

#include "cli/cluster/machine.h"
#include "distributed/planning/core_plan.h"
#include "engine/json.h"

namespace keel::cli {

/// The processors of `machine` and its quota, for plan_cores().
NodeCores cores_of(const Machine& machine);

/// The plan for --json, and for people: a row a rank, notes, and the lines that start a run on `nodes` such nodes.
Json core_map_object(const CorePlan& plan, int nodes);
std::string core_map_text(const CorePlan& plan, int nodes);

}  // namespace keel::cli
