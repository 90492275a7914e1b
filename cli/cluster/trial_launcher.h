// Where the trials of a search run: on this machine, or as steps of mpirun on hosts.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/cluster/launch_plan.h"
#include "tune/search_state.h"

namespace keel::cli {

class TrialLauncher {
public:
    /// `hosts` as in "a:2,b:2"; empty: this machine.
    TrialLauncher(LaunchOptions launch, std::string hosts) : launch_(std::move(launch)), hosts_(std::move(hosts)) {}

    /// Takes a plan's ranks. Sets how many trials it has side by side where hosts say it, and the threads of each rank
    /// where they are 0: as many as the machine's cores give. Throws UsageError for hosts that are none, or too few for
    /// one trial.
    void take(tune::SearchPlan& plan);

    /// Returns the words that start a worker's process.
    std::vector<std::string> command(int worker, const std::vector<std::string>& words) const;

    /// What should be known, sentences.
    const std::vector<std::string>& notes() const { return notes_; }

private:
    LaunchOptions launch_;
    std::string hosts_;
    std::vector<std::vector<Host>> groups_;  // by worker; none: without mpirun
    std::vector<std::string> notes_;
};

}  // namespace keel::cli
