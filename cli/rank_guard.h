// A run of several ranks ends as a whole: the heartbeat (distributed/heartbeat.h) in a program's hands.
#pragma once

#include <functional>

#include "distributed/world.h"

namespace keel::cli {

struct RankGuardOptions {
    double silence = 8;     ///< seconds; 0: no heartbeats
    double deadline = 600;  ///< seconds for what all ranks do together
};

/// Calls `body`, which trains, and returns its exit code once all ranks have come to their end. If another rank is lost meanwhile,
/// prints a line that names it and ends this process with kPeerLost, whatever its threads are blocked in. If `body` throws, the
/// others learn that this rank leaves, and with which code; rethrows. With one rank alone it only calls `body`.
int guarded(World& world, const RankGuardOptions& options, const std::function<int()>& body);

}  // namespace keel::cli
