// A run of several ranks ends as a whole: the heartbeat (distributed/heartbeat/heartbeat.h) in a program's hands.
#pragma once

#include <functional>

#include "distributed/world.h"

namespace keel::cli {

struct RankGuardOptions {
    double start = 30;      ///< seconds in which MPI must have found all ranks; 0: no limit
    double silence = 8;     ///< seconds; 0: no heartbeats
    double deadline = 600;  ///< seconds for what all ranks do together
};

/// Calls `body`, which trains, with the ranks that were started, and returns its exit code once all of them have come
/// to their end. If another rank does not start or is lost meanwhile, prints a line that says so, and names it if it is
/// known, and ends this process with kPeerLost, whatever its threads are blocked in. If `body` throws, the others learn
/// that this rank leaves, and with which code; rethrows. With one rank alone it only calls `body`.
int guarded(const RankGuardOptions& options, const std::function<int(World&)>& body);

}  // namespace keel::cli
