#include "cli/cluster/rank_cores.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <sstream>
#include <string_view>

#include "cli/cluster/cpu_claims.h"
#include "cli/cluster/lone_cores.h"
#include "distributed/planning/core_plan.h"
#include "kernels/cgroup.h"
#include "kernels/error.h"
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
    for (const char* variable : {"OMPI_MCA_rmaps_base_oversubscribe", "PRTE_MCA_rmaps_base_oversubscribe",
                                 "KEEL_OVERSUBSCRIBE", "SLURM_OVERCOMMIT"})
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

/// What a rank tells the others: "0,1,2,3;2,3", its processors and those of them that other runs have.
std::string text_of_cpus(const std::vector<int>& given, const std::set<int>& taken) {
    return fmt::format("{};{}", fmt::join(given, ","), fmt::join(taken, ","));
}

std::set<int> taken_of(const std::string& text) {
    std::set<int> taken;
    std::istringstream words(text.substr(text.find(';') + 1));
    for (std::string word; std::getline(words, word, ',');) taken.insert(std::stoi(word));
    return taken;
}

/// The same on all ranks of the node: whether each got what it was to bind to.
bool all_claimed(World& world, const std::vector<int>& members, bool own) {
    const std::vector<int> all = world.gather(own ? 1 : 0);
    return std::ranges::all_of(members, [&](int rank) { return all[static_cast<std::size_t>(rank)] == 1; });
}

void bind(World& world, const RankCores& cores) {
    bind_team(cores.compute);
    keep_service_cpus(cores.loaders);
    world.call([&](Communicator&) { bind_thread(cores.communication); });
}

constexpr const char* kInUse =
    "other runs of Keel compute on {} of this node's {} processors, {} (--bind always takes the first ones whoever is "
    "there)";

}  // namespace

NodeShare share_node(const NodeCores& node, const std::set<int>& taken, const CoreRequest& request,
                     const std::string& bind) {
    NodeShare share{plan_cores(node, request), bind != "never", {}};
    share.binds = share.binds && !share.plan.oversubscribed;
    if (taken.empty() || bind != "auto" || !share.binds) return share;
    const NodeCores rest{free_cpus(node.cpus, taken), node.quota};
    const auto in_use = [&](const char* what) { return fmt::format(kInUse, taken.size(), node.cpus.size(), what); };
    CoreRequest strict = request;
    strict.oversubscribe = false;
    try {
        if (rest.cpus.empty()) throw UsageError("[cores] none is free");
        share.plan = plan_cores(rest, strict);
        share.notes.push_back(in_use("so that this one divides the others"));
    } catch (const UsageError&) {
        share.binds = false;
        share.notes.push_back(in_use("so that no thread is bound"));
    }
    return share;
}

std::vector<std::string> take_cores(World& world, const CoreWishes& wishes) {
    const std::vector<int> ids = numbers(process_cpus());
    CpuClaims& claims = CpuClaims::of_process();
    claims.release();
    const std::vector<std::string> all = world.gather_texts(text_of_cpus(ids, claims.taken(ids)));
    const Topology& topology = world.topology();
    const std::vector<int> members = topology.members(topology.node_of[static_cast<std::size_t>(world.rank())]);
    std::vector<std::string> masks;
    for (const int rank : members) {
        const std::string& text = all[static_cast<std::size_t>(rank)];
        masks.push_back(text.substr(0, text.find(';')));
    }
    const Masks kind = members.size() == 1 ? Masks::equal : compare(masks);
    const int local = static_cast<int>(std::ranges::find(members, world.rank()) - members.begin());
    if (kind == Masks::mixed) {
        all_claimed(world, members, true);
        return {
            "the processors that the launcher gave to the ranks of a node overlap in part, so that none is bound: "
            "start with --bind-to none (mpirun) or --cpu-bind=none (srun)"};
    }
    const bool divided = kind == Masks::equal;
    const CoreRequest request{.ranks = divided ? static_cast<int>(members.size()) : 1,
                              .threads = wishes.threads,
                              .oversubscribe = wishes.oversubscribe || asked_of_launcher()};
    // Of a node that is divided all look at what its first rank saw: what they see a moment later may be another thing.
    const NodeShare share = share_node(
        {process_cpus(), read_cgroup_limits().cores.value_or(0)},
        taken_of(all[static_cast<std::size_t>(divided ? members.front() : world.rank())]), request, wishes.bind);
    const RankCores& cores = share.plan.ranks[divided ? static_cast<std::size_t>(local) : 0];
    set_thread_count(share.plan.threads);
    std::vector<std::string> notes = share.plan.notes;
    notes.insert(notes.end(), share.notes.begin(), share.notes.end());
    const bool free = !share.binds || wishes.bind == "always" || claims.claim(cores.compute);
    if (!all_claimed(world, members, free)) {
        claims.release();
        notes.push_back("another run took the same processors in this moment, so that no thread is bound");
    } else if (share.binds) {
        bind(world, cores);
    }
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
