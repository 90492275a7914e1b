#include "distributed/planning/core_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <set>
#include <utility>

#include "kernels/error.h"

namespace keel {
namespace {

using Core = std::vector<int>;  // its processors
using Cores = std::vector<Core>;

int size_of(const auto& list) { return static_cast<int>(list.size()); }

/// The cores of each NUMA node that has any, by socket and number.
std::vector<Cores> domains_of(const std::vector<Cpu>& cpus) {
    std::map<std::pair<int, int>, std::map<int, Core>> sorted;
    for (const Cpu& cpu : cpus) sorted[{cpu.socket, cpu.node}][cpu.core].push_back(cpu.id);
    std::vector<Cores> domains;
    for (auto& [place, cores] : sorted) {
        Cores& domain = domains.emplace_back();
        for (auto& [number, core] : cores) {
            std::ranges::sort(core);
            domain.push_back(core);
        }
    }
    return domains;
}

/// With fewer ranks than domains: neighbouring domains together, as many for each rank as can be.
std::vector<Cores> joined(const std::vector<Cores>& domains, int ranks) {
    std::vector<Cores> groups(static_cast<std::size_t>(ranks));
    for (std::size_t d = 0; d < domains.size(); ++d) {
        Cores& group = groups[d * groups.size() / domains.size()];
        group.insert(group.end(), domains[d].begin(), domains[d].end());
    }
    return groups;
}

/// How many ranks of `share` cores there are room for, none across two domains.
int slots_of(const std::vector<Cores>& domains, int share) {
    int slots = 0;
    for (const Cores& domain : domains) slots += size_of(domain) / share;
    return slots;
}

/// The most cores that each of `ranks` can have without crossing a domain; 0 where there are not enough.
int share_of(const std::vector<Cores>& domains, int ranks) {
    if (ranks < size_of(domains)) return share_of(joined(domains, ranks), ranks);
    int most = 0;
    for (const Cores& domain : domains) most = std::max(most, size_of(domain));
    while (most > 0 && slots_of(domains, most) < ranks) --most;
    return most;
}

/// A quota between two whole numbers is used by the larger one.
int whole_cores(double quota) { return static_cast<int>(std::ceil(quota)); }

int within_quota(int share, int ranks, double quota) {
    return quota > 0 ? std::min(share, whole_cores(quota) / ranks) : share;
}

/// The ranks that put most cores to work, where each has to be worth more than one; `threads` of each, 0: as many as it
/// can have.
int best_ranks(const std::vector<Cores>& domains, int cores, double quota, int threads = 0) {
    if (threads > 0) {
        const int slots = slots_of(domains, threads);
        return std::max(1, quota > 0 ? std::min(slots, whole_cores(quota) / threads) : slots);
    }
    int best = 1, best_worth = -1;
    // From one rank a domain on; fewer only where the quota leaves no cores for those.
    for (int ranks = std::min(size_of(domains), quota > 0 ? whole_cores(quota) : cores); ranks <= cores; ++ranks) {
        const int worth = ranks * within_quota(share_of(domains, ranks), ranks, quota) - ranks;
        if (worth > best_worth) {
            best = ranks;
            best_worth = worth;
        }
    }
    return best;
}

/// The cores of each rank: `share` of one domain (or group of domains), or one in turn where there are fewer cores than
/// ranks.
std::vector<Cores> deal(const std::vector<Cores>& domains, int ranks, int share) {
    std::vector<Cores> dealt;
    const std::vector<Cores> groups = ranks < size_of(domains) ? joined(domains, ranks) : domains;
    if (share == 0) {
        Cores all;
        for (const Cores& group : groups) all.insert(all.end(), group.begin(), group.end());
        for (int rank = 0; rank < ranks; ++rank) dealt.push_back({all[static_cast<std::size_t>(rank % size_of(all))]});
        return dealt;
    }
    for (const Cores& group : groups)
        for (int first = 0; first + share <= size_of(group) && size_of(dealt) < ranks; first += share)
            dealt.emplace_back(group.begin() + first, group.begin() + first + share);
    return dealt;
}

std::vector<int> all_of(const Cores& cores) {
    std::vector<int> ids;
    for (const Core& core : cores) ids.insert(ids.end(), core.begin(), core.end());
    std::ranges::sort(ids);
    return ids;
}

/// Second and further hyper-threads.
std::vector<int> siblings_of(const Cores& cores) {
    std::vector<int> ids;
    for (const Core& core : cores) ids.insert(ids.end(), core.begin() + 1, core.end());
    std::ranges::sort(ids);
    return ids;
}

/// Places team, talking and decoding on the cores of one rank.
RankCores place(const Cores& cores, int threads, bool own_core, bool hyper_threads) {
    RankCores rank;
    for (int i = 0; i < threads; ++i)
        rank.compute.push_back(cores[static_cast<std::size_t>(i % size_of(cores))].front());
    const bool siblings = hyper_threads && threads <= size_of(cores);
    if (own_core) {
        rank.communication = rank.loaders = cores.back();
    } else if (siblings) {
        rank.communication = siblings_of({cores.back()});
        rank.loaders = size_of(cores) > 1 ? siblings_of({cores.begin(), cores.end() - 1}) : rank.communication;
    } else {
        rank.communication = rank.loaders = all_of(cores);
    }
    return rank;
}

void refuse(bool condition, const std::string& message) {
    if (condition) throw UsageError("[cores] " + message);
}

std::string count(int number, const std::string& thing) {
    return std::to_string(number) + " " + thing + (number == 1 ? "" : "s");
}

/// Whether all cores have a second hyper-thread.
bool have_siblings(const std::vector<Cores>& domains) {
    return std::ranges::all_of(domains, [](const Cores& cores) {
        return std::ranges::all_of(cores, [](const Core& core) { return core.size() > 1; });
    });
}

/// Returns the sockets of these cores, rising.
std::vector<int> sockets_of(const Cores& cores, const std::vector<Cpu>& cpus) {
    std::set<int> sockets;
    for (const int id : all_of(cores)) sockets.insert(std::ranges::find(cpus, id, &Cpu::id)->socket);
    return {sockets.begin(), sockets.end()};
}

/// Chooses the threads of each rank's team, where each may keep `busy` cores so, and whether it has a core beside them:
/// not `without_core`, where talking and decoding cost the team nothing.
void choose_team(const NodeCores& node, const CoreRequest& request, int ranks, int busy, bool without_core,
                 CorePlan& plan) {
    const bool spare = !without_core && busy >= kCoresToSpareOne;
    plan.threads = request.threads > 0 ? request.threads : std::max(1, busy - (spare ? 1 : 0));
    plan.oversubscribed = plan.threads > busy;
    refuse(plan.oversubscribed && !request.oversubscribe,
           count(ranks, "rank") + " of " + count(plan.threads, "thread") + " do not fit on " +
               count(plan.cores, "core") +
               (node.quota > 0 ? " with a quota of " + count(whole_cores(node.quota), "core") : "") +
               (busy > 0 ? ", where each rank has " + count(busy, "core") : "") +
               ": ask for fewer, or for oversubscription");
    plan.own_core = spare && !plan.oversubscribed && plan.threads < busy;
}

std::vector<std::string> notes_of(const CorePlan& plan, const std::vector<Cores>& domains, double quota) {
    std::vector<std::string> notes;
    const int ranks = size_of(plan.ranks);
    if (plan.oversubscribed)
        notes.push_back(count(ranks * plan.threads, "thread") + " share " + count(plan.cores, "core") +
                        ", as asked for");
    if (quota > 0 && quota < plan.cores)
        notes.push_back("a quota of " + count(whole_cores(quota), "core") + " limits the threads, not the " +
                        count(plan.cores, "core") + " of the node");
    else if (plan.idle_cores > 0) {
        const int better = best_ranks(domains, plan.cores, 0), share = share_of(domains, better);
        notes.push_back(std::to_string(plan.idle_cores) + " of " + count(plan.cores, "core") + " stay idle" +
                        (better != ranks && better * share > plan.cores - plan.idle_cores
                             ? "; " + count(better, "rank") + " would use " + std::to_string(better * share)
                             : ""));
    }
    return notes;
}

}  // namespace

int CorePlan::ranks_on_socket(int socket) const {
    return static_cast<int>(
        std::ranges::count_if(ranks, [&](const RankCores& rank) { return rank.sockets.front() == socket; }));
}

CorePlan plan_cores(const NodeCores& node, const CoreRequest& request) {
    refuse(node.cpus.empty(), "wanted a node with processors, got none");
    refuse(request.ranks < 0 || request.threads < 0, "wanted no negative number of ranks or threads, got " +
                                                         std::to_string(request.ranks) + " and " +
                                                         std::to_string(request.threads));
    const std::vector<Cores> domains = domains_of(node.cpus);
    CorePlan plan;
    plan.cores = core_count(node.cpus);
    const int ranks = request.ranks > 0 ? request.ranks : best_ranks(domains, plan.cores, node.quota, request.threads);
    // Cores that a rank may keep busy: where a quota forbids more, the other ones of its share stay idle.
    const int share = share_of(domains, ranks), busy = within_quota(share, ranks, node.quota);
    choose_team(node, request, ranks, busy, request.alone || have_siblings(domains), plan);
    const int used = share == 0 ? 0 : std::min(plan.threads + (plan.own_core ? 1 : 0), share);
    for (Cores& cores : deal(domains, ranks, share)) {
        if (used > 0) cores.resize(static_cast<std::size_t>(used));
        plan.ranks.push_back(place(cores, plan.threads, plan.own_core, have_siblings(domains)));
        plan.ranks.back().sockets = sockets_of(cores, node.cpus);
    }
    plan.idle_cores = share == 0 ? std::max(0, plan.cores - ranks) : plan.cores - ranks * used;
    plan.notes = notes_of(plan, domains, node.quota);
    return plan;
}

std::string cpu_list(std::vector<int> ids) {
    std::ranges::sort(ids);
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    std::string text;
    for (std::size_t i = 0; i < ids.size();) {
        std::size_t last = i;
        while (last + 1 < ids.size() && ids[last + 1] == ids[last] + 1) ++last;
        text += fmt::format("{}{}", text.empty() ? "" : ",", ids[i]);
        if (last > i) text += fmt::format("-{}", ids[last]);
        i = last + 1;
    }
    return text.empty() ? "-" : text;
}

std::string mpirun_line(const CorePlan& plan, int nodes, const std::string& command, MpiMake make) {
    const int ranks = size_of(plan.ranks);
    const MpirunRequest request{
        .ranks = ranks * nodes, .per_node = ranks, .hostfile = nodes > 1, .crowded = plan.oversubscribed};
    return fmt::format("mpirun {} {}", fmt::join(mpirun_words(make, request), " "), command);
}

std::string srun_line(const CorePlan& plan, int nodes, const std::string& command) {
    const int ranks = size_of(plan.ranks);
    std::size_t processors = 0;
    for (const RankCores& rank : plan.ranks) {
        std::vector<int> ids = rank.compute;
        for (const auto& more : {rank.communication, rank.loaders}) ids.insert(ids.end(), more.begin(), more.end());
        std::ranges::sort(ids);
        ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
        processors = std::max(processors, ids.size());
    }
    return "srun --mpi=pmix --nodes=" + std::to_string(nodes) + " --ntasks-per-node=" + std::to_string(ranks) +
           " --cpus-per-task=" + std::to_string(processors) + " --cpu-bind=none" +
           (plan.oversubscribed ? " --overcommit" : "") + " " + command;
}

}  // namespace keel
