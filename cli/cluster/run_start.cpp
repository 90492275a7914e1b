#include "cli/cluster/run_start.h"

#include <spdlog/spdlog.h>

#include "cli/cluster/lone_cores.h"
#include "cli/cluster/signals.h"
#include "cli/cluster/thread_limit.h"
#include "engine/paths.h"
#include "kernels/parallel.h"

namespace keel::cli {

std::unique_ptr<RunLease> lease_to_resume(const std::filesystem::path& out, World& world) {
    if (!world.is_root() || out.empty() || !is_there(out)) return nullptr;
    LeaseOptions options;
    options.give_up = [] { return stop_signal() != 0; };
    options.say = [](const std::string& text) { spdlog::warn("{}", text); };
    return std::make_unique<RunLease>(out, std::move(options));
}

std::vector<std::string> take_threads(const CoreWishes& wishes, int workers, const TakenThreads& before, World& world) {
    std::vector<std::string> notes = !world.is_single()               ? take_cores(world, wishes)
                                     : wishes.threads == before.asked ? before.notes
                                                                      : take_lone_cores(wishes.threads, wishes.bind);
    if (std::string shortage = team_shortage(); !shortage.empty()) notes.push_back(std::move(shortage));
    // Those of the compute pool can be fewer. Of the others none: the lease's, the loader's own, a heartbeat's two.
    constexpr int kOthers = 4;
    require_threads(workers + kOthers, "decoding (--workers) and what a run does beside its steps");
    return notes;
}

}  // namespace keel::cli
