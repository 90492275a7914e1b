// What of a long run's time is training: the rest goes to checkpoints, to work that a failure loses, and to starting
// again.
#pragma once

namespace keel {

/// Seconds, but for the two that say otherwise.
struct FailureModel {
    double node_mtbf_hours = 0;   ///< mean time between failures of one node; 0: none fails
    double checkpoint = 0;        ///< training stands still while one is written
    double checkpoint_every = 0;  ///< from one to the next; 0: as often as loses least
    double restart = 0;           ///< from a failure until training goes on: noticed, started, data and weights read
    double hours = 12;            ///< of the run
};

struct UsefulShare {
    double share = 1;             ///< of the hours
    double failures = 0;          ///< to be expected in them
    double checkpoint_every = 0;  ///< seconds; 0: none is needed
};

/// Failures come at random, each node's at a constant rate; one loses all since the last checkpoint, and may come while
/// another is mended. The time that `every` seconds of work take is exactly M e^(R/M) (e^((every + C)/M) - 1), M the
/// mean time between failures of all nodes, R the restart, C the checkpoint (Daly, A higher order estimate of the
/// optimum checkpoint interval for restart dumps, 2006). The first start takes a restart as well. Throws UsageError for
/// negative numbers and for less than one node.
UsefulShare useful_share(const FailureModel& model, int nodes);

}  // namespace keel
