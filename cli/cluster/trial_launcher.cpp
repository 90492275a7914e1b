#include "cli/cluster/trial_launcher.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/cgroup.h"
#include "kernels/error.h"
#include "kernels/parallel.h"

namespace keel::cli {

void TrialLauncher::take(tune::SearchPlan& plan) {
    int most = plan.parallel * plan.ranks;  // ranks of one machine
    if (!hosts_.empty()) {
        const std::vector<Host> all = parse_hosts(hosts_, plan.ranks);
        groups_ = divide_hosts(all, plan.ranks);
        if (groups_.empty())
            throw UsageError(
                fmt::format("[tune] hosts: {} ranks are fewer than the {} of a trial", rank_count(all), plan.ranks));
        plan.parallel = static_cast<int>(groups_.size());
        most = std::ranges::max(all, {}, &Host::ranks).ranks;
        if (const int left = rank_count(all) - plan.parallel * plan.ranks; left > 0)
            notes_.push_back(fmt::format("{} ranks of the hosts are too few for one more trial", left));
        notes_.emplace_back("energy is this machine's alone");
    } else if (plan.ranks > 1) {
        groups_.assign(static_cast<std::size_t>(plan.parallel), {{"", plan.ranks}});
    }
    const int cores = cores_within(allowed_cores(), read_cgroup_limits().cores);  // whatever --threads says
    if (plan.threads == 0) plan.threads = std::max(1, cores / most);
    if (plan.threads * most > cores && hosts_.empty())
        notes_.push_back(fmt::format("{} threads side by side are more than the {} cores of this machine",
                                     plan.threads * most, cores));
}

std::vector<std::string> TrialLauncher::command(int worker, const std::vector<std::string>& words) const {
    LaunchOptions launch = launch_;
    launch.command = words;
    if (!groups_.empty()) return launch_line(launch, groups_[static_cast<std::size_t>(worker)]);
    launch.command.insert(launch.command.begin(), launch.keel);
    return launch.command;
}

}  // namespace keel::cli
