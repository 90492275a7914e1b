// How fast many ranks would train: a simulation of their steps from what one rank's step was measured to take, the plan
// of its buckets and the costs of an allreduce.
#pragma once

#include <cstdint>
#include <vector>

#include "distributed/planning/cost_model.h"

namespace keel {

/// A step of a rank as it was measured.
struct MeasuredStep {
    double factor = 1;  ///< of the step's `compute`
    double input = 0;   ///< seconds that it waited for images before
};
/// Ranks that were measured together: by rank, equally many steps each. Which ranks are slower than others for good,
/// and which steps are slow for all of them at once, is in it.
using MeasuredRanks = std::vector<std::vector<MeasuredStep>>;

/// A rank's step without others; seconds.
struct StepProfile {
    double compute = 0;               ///< forward and backward
    double update = 0;                ///< optimizer, after the last sum
    std::vector<double> ready;        ///< from the step's begin until bucket b is full; rising, at most `compute`
    std::vector<std::int64_t> bytes;  ///< of each bucket
    std::vector<double> factors;      ///< of `compute`, as steps were measured to differ; empty: all are equal
    std::vector<MeasuredRanks> groups = {};  ///< in place of the factors, where several ranks were measured
};

struct ScaleOptions {
    CostModel costs;
    int ranks_per_node = 1;
    bool overlap = true;  ///< buckets are summed while backward goes on, not after it
    double stolen =
        0;  ///< share of a rank's speed that is lost while its buckets are summed: 0 where a core is kept for that
    double wire_bytes = 4;  ///< of a gradient in messages: 2 for bfloat16
    double input = 0;       ///< seconds in which a node's images of a step are read; 0: they are always there
    int steps = 200;        ///< simulated
    std::uint64_t seed = 0;
};

/// Means over the simulated steps, seconds.
struct ScalePoint {
    int nodes = 1, ranks = 1;
    double step = 0;
    double compute = 0;  ///< of a rank, its slower steps included
    double input = 0;    ///< for want of images
    double skew = 0;     ///< the wait for the slowest rank's gradients
    double exposed = 0;  ///< what sums add to the step: on the wire after backward, and stolen from it
    double wire = 0;     ///< that sums took altogether, hidden or not
    double update = 0;
    double efficiency = 1;  ///< a rank's throughput beside that of one alone
};

/// A bucket's sum begins when all ranks have filled it and the one before it is done, and takes as long as the fastest
/// algorithm is predicted to. All ranks end a step together (they agree on how it went: log2(P) messages). Each rank's
/// compute in each step is drawn from the measured factors, independently; of ranks that were measured together
/// the simulated ones are dealt in such groups, each of which draws a step for all its ranks. Throws UsageError for
/// profiles or options that make no sense.
ScalePoint simulate(const StepProfile& profile, const ScaleOptions& options, int nodes);

}  // namespace keel
