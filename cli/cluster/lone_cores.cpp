#include "cli/cluster/lone_cores.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "cli/cluster/cpu_claims.h"
#include "distributed/mpi/launched.h"
#include "engine/files.h"
#include "kernels/cgroup.h"
#include "kernels/error.h"
#include "kernels/parallel.h"

namespace keel::cli {
namespace {

/// Ticks of the kernel's clock are 10 ms at most: enough of them to tell busy from idle.
constexpr std::chrono::milliseconds kSample{100};

std::string cpu_statistics() {
    try {
        return read_file("/proc/stat", 1 << 22);
    } catch (const Error&) {
        return "";
    }
}

/// Processors that others use at this moment, by claim or by load.
std::set<int> taken_now(const std::vector<int>& ids) {
    std::set<int> taken = CpuClaims::of_process().taken(ids);
    const std::string before = cpu_statistics();
    std::this_thread::sleep_for(kSample);
    taken.merge(busy_cpus(before, cpu_statistics()));
    return taken;
}

int node_count(const std::vector<Cpu>& cpus) {
    std::set<int> nodes;
    for (const Cpu& cpu : cpus) nodes.insert(cpu.node);
    return static_cast<int>(nodes.size());
}

/// Binds the team where there is room for it; returns a note where there is none.
std::string bind_lone_team(const std::string& bind) {
    const std::vector<Cpu>& cpus = process_cpus();
    const int threads = thread_count();
    if (bind == "never" || node_count(cpus) < 2) return "";
    if (bind == "always") return bind_team(), "";
    CpuClaims& claims = CpuClaims::of_process();
    claims.release();  // of an earlier call
    std::vector<int> ids;
    for (const Cpu& cpu : cpus) ids.push_back(cpu.id);
    const auto masks_among = [&](const std::set<int>& taken) -> std::vector<std::vector<int>> {
        const std::vector<int> team = plan_team(free_cpus(cpus, taken), threads);
        std::vector<std::vector<int>> masks = lone_masks(cpus, taken, threads);
        return !masks.empty() && claims.claim(team) ? masks : std::vector<std::vector<int>>{};
    };
    // A team of all cores has no choice, and other load ends some time; a smaller one goes where nobody is.
    const bool all = threads >= core_count(cpus);
    std::vector<std::vector<int>> masks = masks_among(all ? claims.taken(ids) : taken_now(ids));
    if (masks.empty() && !all) masks = masks_among(taken_now(ids));  // another run was faster
    static bool bound = false;
    if (masks.empty()) {
        if (std::exchange(bound, false)) place_team({static_cast<std::size_t>(threads), ids});
        return fmt::format(
            "other programs use processors of this machine, so that the {} compute threads are bound to none (--bind "
            "always binds them)",
            threads);
    }
    place_team(std::move(masks));
    bound = true;
    return "";
}

}  // namespace

std::vector<Cpu> free_cpus(const std::vector<Cpu>& cpus, const std::set<int>& taken) {
    std::set<int> cores;
    for (const Cpu& cpu : cpus)
        if (taken.contains(cpu.id)) cores.insert(cpu.core);
    std::vector<Cpu> free;
    std::ranges::copy_if(cpus, std::back_inserter(free), [&](const Cpu& cpu) { return !cores.contains(cpu.core); });
    return free;
}

std::vector<std::vector<int>> lone_masks(const std::vector<Cpu>& cpus, const std::set<int>& taken, int threads) {
    const std::vector<Cpu> free = free_cpus(cpus, taken);
    if (node_count(cpus) < 2 || core_count(free) < std::min(threads, core_count(cpus))) return {};
    std::map<int, int> node_of;
    std::map<int, std::vector<int>> on_node;
    for (const Cpu& cpu : free) {
        node_of[cpu.id] = cpu.node;
        on_node[cpu.node].push_back(cpu.id);
    }
    std::vector<std::vector<int>> masks;
    for (const int id : plan_team(free, threads)) masks.push_back(on_node[node_of[id]]);
    return masks;
}

std::vector<std::string> take_lone_cores(int threads, const std::string& bind) {
    static const int usual = thread_count();  // before anything was set; within the quota
    const std::optional<double> quota = read_cgroup_limits().cores;
    const int count = threads > 0 ? threads : usual, cores = allowed_cores();
    set_thread_count(count);
    std::vector<std::string> notes;
    if (threads == 0 && cores_within(cores, quota) < cores)
        notes.push_back(fmt::format("the control group's quota of {:.2f} cores has use for {} of {} compute threads",
                                    *quota, count, cores));
    if (quota && count > std::max(1.0, std::ceil(*quota)))
        notes.push_back(
            fmt::format("{} compute threads exceed the control group's quota of {:.2f} cores, and will be "
                        "held up: --threads {}",
                        count, *quota, usual));
    if (launched_ranks() > 1) return notes;
    if (std::string note = bind_lone_team(bind); !note.empty()) notes.push_back(std::move(note));
    return notes;
}

}  // namespace keel::cli
