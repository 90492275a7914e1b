// Attempts at a run, one after the other, until one is the last.
#pragma once

#include "cli/cluster/launch_plan.h"
#include "engine/json.h"

namespace keel::cli {

/// When a run is not started again.
struct RelaunchOptions {
    int max_restarts = 3, min_ranks = 1;
    bool same_ranks = false;  ///< a lost rank is started again where its host can be reached
    bool mute = false;        ///< see attempt()
};

/// How the last attempt ended, and all of them: {"ranks", "hosts", "exit_code", "failed_rank", "failed_host"}.
struct Attempts {
    int code = 0;
    Json all = Json::array();
};

/// Starts the ranks, and again from their last checkpoint while worth_restarting() and `options` say so; what is lost
/// is left out of the hosts. Logs what it does. Throws as attempt() does.
Attempts launch_until_done(const LaunchOptions& launch, std::vector<Host> hosts, const RelaunchOptions& options);

}  // namespace keel::cli
