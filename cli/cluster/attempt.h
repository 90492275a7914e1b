// One run of a launcher's ranks, watched to its end.
#pragma once

#include <string>
#include <vector>

#include "cli/cluster/launch_plan.h"

namespace keel::cli {

/// Runs the ranks to their end. A signal that asks to stop is passed on as SIGUSR1, after which ranks save and end
/// with 75: mpirun gives them a second only after SIGTERM. `mute`: nothing of
/// their stdout is passed on. Throws UsageError where mpirun cannot be started.
Attempt attempt(const LaunchOptions& options, const std::vector<Host>& hosts, bool mute);

/// Returns whether something can be started on this host.
bool reachable(const LaunchOptions& options, const std::string& host);

}  // namespace keel::cli
