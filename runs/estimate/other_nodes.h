// A run on nodes that are not at hand, or on more than one: by models, from what was measured here.
#pragma once

#include <string>

#include "engine/speed/node_file.h"
#include "runs/estimate/run_estimate.h"
#include "train/scale_machine.h"

namespace keel {

struct NodesWanted {
    int nodes = 0;  ///< 0: the ranks that were measured, where they are
    int ranks_per_node = 1;
    std::string node_file{};  ///< what keel doctor --json printed there; empty: nodes like this one
    ScaleMachine machine{};   ///< network between them
};

/// Throws InputError or IoError where the node's file is none, before anything is measured.
void check_nodes(const NodesWanted& wanted);

/// Returns where the run is meant to run, and how much longer or shorter its steps are there. A node that is not at
/// hand is a model of speed (engine/speed/speed_model.h) beside the same model of this one; several are the simulation
/// of keel scale. `assumed` gets a sentence for each thing that is not measured. Throws InputError for a node's file
/// and UsageError for several nodes of a run that was measured on several ranks.
RunPlan plan_run(const RunFacts& facts, const NodesWanted& wanted, std::vector<std::string>& assumed);

}  // namespace keel
