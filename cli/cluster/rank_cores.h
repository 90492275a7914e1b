// The cores of a node, divided among the ranks on it.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "distributed/planning/core_plan.h"
#include "distributed/world.h"

namespace keel::cli {

struct CoreWishes {
    int threads = 0;  ///< of each rank's team; 0: all cores of its part
    bool oversubscribe = false;
    std::string bind = "auto";  ///< kBinds (lone_cores.h)
};

/// Gives this rank its part of plan_cores(): sets the team's size and binds team, communication thread and decoders.
/// All ranks at once. Where the launcher gave each rank of a node processors of its own, those are divided instead;
/// where they overlap in part, nothing is bound. Of processors that other runs of Keel's compute on (CpuClaims) the
/// rest is divided; where that is not enough, nothing is bound. Returns what should be known about it. Throws
/// UsageError, on all ranks of the node, where threads exceed cores and neither `oversubscribe` nor mpirun's
/// --oversubscribe or Slurm's
/// --overcommit asked for that.
std::vector<std::string> take_cores(World& world, const CoreWishes& wishes);

/// What the ranks of a node make of its processors; a pure function. `taken` are those that other runs use.
struct NodeShare {
    CorePlan plan;
    bool binds = true;
    std::vector<std::string> notes;
};
NodeShare share_node(const NodeCores& node, const std::set<int>& taken, const CoreRequest& request,
                     const std::string& bind);

}  // namespace keel::cli
