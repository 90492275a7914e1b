// One run of a launcher's ranks, watched to its end.
#pragma once

#include <string>
#include <vector>

#include "cli/cluster/launch_plan.h"

namespace keel::cli {

/// Runs the ranks to their end. A signal that asks to stop is passed on as SIGUSR1, after which ranks save and end
/// with 75: mpirun gives them a limited time only after SIGTERM, which give_time() sets. `mute`: nothing of their
/// stdout is passed on. Throws UsageError where mpirun cannot be started.
Attempt attempt(const LaunchOptions& options, const std::vector<Host>& hosts, bool mute);

/// Sets what starts ranks on this machine: this program by `mpirun`, words with spaces between, of the MPI that it was
/// built with. Throws UsageError where there are none.
void take_launcher(LaunchOptions& options, const std::string& mpirun);

/// Has mpirun give its ranks 10 seconds in place of one between SIGTERM and SIGKILL where somebody stops mpirun itself
/// (systemd stops all processes of a service), unless the environment says something else. Ranks that have ended are
/// not waited for.
void give_time();

/// Returns whether something can be started on this host.
bool reachable(const LaunchOptions& options, const std::string& host);

}  // namespace keel::cli
