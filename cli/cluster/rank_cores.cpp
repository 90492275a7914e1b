#include "cli/cluster/rank_cores.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <string_view>

#include "cli/cluster/cgroup.h"
#include "distributed/planning/core_plan.h"
#include "kernels/parallel.h"
#include "kernels/topology.h"

namespace keel::cli {
namespace {

std::vector<int> numbers(const std::vector<Cpu>& cpus) {
    std::vector<int> ids;
    for (const Cpu& cpu : cpus) ids.push_back(cpu.id);
    return ids;
}

bool asked_of_launcher() {
    for (const char* variable :
         {"OMPI_MCA_rmaps_base_oversubscribe", "PRTE_MCA_rmaps_base_oversubscribe", "SLURM_OVERCOMMIT"})
        if (const char* text = std::getenv(variable); text != nullptr && std::string_view(text) != "0") return true;
    return false;
}

/// How the masks of a node's ranks lie to each other.
enum class Masks { equal, apart, mixed };

Masks compare(const std::vector<std::string>& texts) {
    if (std::set<std::string>(texts.begin(), texts.end()).size() == 1) return Masks::equal;
    std::set<std::string> seen;
    for (const std::string& text : texts)
        for (std::size_t from = 0; from < text.size();) {
            const std::size_t to = std::min(text.find(',', from), text.size());
            if (!seen.insert(text.substr(from, to - from)).second) return Masks::mixed;
            from = to + 1;
        }
    return Masks::apart;
}

}  // namespace

std::vector<std::string> take_cores(World& world, int threads, bool oversubscribe) {
    const std::vector<std::string> all = world.gather_texts(fmt::format("{}", fmt::join(numbers(process_cpus()), ",")));
    const Topology& topology = world.topology();
    const std::vector<int> members = topology.members(topology.node_of[static_cast<std::size_t>(world.rank())]);
    std::vector<std::string> masks;
    for (const int rank : members) masks.push_back(all[static_cast<std::size_t>(rank)]);
    const Masks kind = members.size() == 1 ? Masks::equal : compare(masks);
    const int local = static_cast<int>(std::ranges::find(members, world.rank()) - members.begin());
    if (kind == Masks::mixed)
        return {
            "the processors that the launcher gave to the ranks of a node overlap in part, so that none is bound: "
            "start with "
            "--bind-to none (mpirun) or --cpu-bind=none (srun)"};

    CoreRequest request{.ranks = kind == Masks::equal ? static_cast<int>(members.size()) : 1,
                        .threads = threads,
                        .oversubscribe = oversubscribe || asked_of_launcher()};
    const CorePlan plan = plan_cores({process_cpus(), read_cgroup_limits().cores.value_or(0)}, request);
    const RankCores& cores = plan.ranks[kind == Masks::equal ? static_cast<std::size_t>(local) : 0];
    set_thread_count(plan.threads);
    if (!plan.oversubscribed) bind_team(cores.compute);
    keep_service_cpus(cores.loaders);
    world.call([&](Communicator&) { bind_thread(cores.communication); });

    std::vector<std::string> notes = plan.notes;
    const auto online = static_cast<std::size_t>(::sysconf(_SC_NPROCESSORS_ONLN)),
               given = process_cpus().size() * members.size();
    if (kind == Masks::apart && given < online)
        notes.push_back(fmt::format(
            "the launcher bound the {} ranks of a node to {} of its {} processors: with --bind-to none (mpirun) or "
            "--cpu-bind=none (srun) Keel divides all of them",
            members.size(), given, online));
    return notes;
}

}  // namespace keel::cli
