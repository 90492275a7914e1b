// Measures what messages and sums cost between these ranks, so that the fastest algorithm can be chosen by prediction.
#pragma once

#include "distributed/communicator.h"
#include "distributed/planning/cost_model.h"

namespace keel {

/// A fraction of a second. All ranks call it and get the same numbers: the slowest rank's.
CostModel measure_costs(Communicator& communicator);

/// The cluster that a topology is.
Cluster cluster_of(const Topology& topology);

}  // namespace keel
