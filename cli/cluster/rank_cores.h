// The cores of a node, divided among the ranks on it.
#pragma once

#include <string>
#include <vector>

#include "distributed/world.h"

namespace keel::cli {

/// Gives this rank its part of plan_cores(): sets the team's size (`threads`; 0: all cores of its part) and binds team,
/// communication thread and decoders. All ranks at once. Where the launcher gave each rank of a node processors of its
/// own, those are divided instead; where they overlap in part, nothing is bound. Returns what should be known about it.
/// Throws UsageError, on all ranks of the node, where threads exceed cores and neither `oversubscribe` nor mpirun's
/// --oversubscribe or Slurm's
/// --overcommit asked for that.
std::vector<std::string> take_cores(World& world, int threads, bool oversubscribe);

}  // namespace keel::cli
