#include "kernels/parallel.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cgroup.h"
#include "kernels/error.h"
#include "kernels/immortal.h"
#include "kernels/scratch.h"
#include "kernels/team.h"
#include "kernels/topology.h"

namespace keel {
namespace {

/// A positive integer from the environment, or `otherwise` where it is unset or malformed.
int environment_limit(const char* variable, int otherwise) {
    const char* text = std::getenv(variable);
    const int value = text == nullptr ? 0 : std::atoi(text);
    return value > 0 ? value : otherwise;
}

int default_threads() {
    const int cores = cores_within(allowed_cores(), read_cgroup_limits().cores);
    return std::min(environment_limit("OMP_NUM_THREADS", cores), environment_limit("SLURM_CPUS_PER_TASK", cores));
}

std::atomic<int>& team_size() {
    static Immortal<std::atomic<int>> threads;
    return threads.get([] { return default_threads(); });
}

constinit std::atomic<bool> fixed_sums{false};

}  // namespace

int allowed_cores() { return core_count(process_cpus()); }

int thread_count() { return team_size(); }

void set_thread_count(int threads) {
    if (threads < 1 || threads > kMostThreads)
        throw UsageError("[parallel] wanted 1 to " + std::to_string(kMostThreads) + " threads, got " +
                         std::to_string(threads));
    team_size() = threads;
}

void start_threads() { detail::Team::global().require(thread_count()); }

int running_threads() {
    start_threads();
    return std::min(thread_count(), detail::Team::global().started() + 1);
}

std::string team_shortage() {
    start_threads();
    return detail::Team::global().refusal();
}

void trim_threads() {
    kernels::trim_scratch();
    detail::Team::global().trim();
}

void fix_sums(bool fixed) { fixed_sums = fixed; }

bool sums_are_fixed() { return fixed_sums; }

void place_team(std::vector<std::vector<int>> masks) {
    if (masks.empty() || !openmp_places(1).empty()) return;
    start_threads();
    detail::Team::global().place(std::move(masks));
}

void bind_team() { place_team(team_masks(process_cpus(), thread_count())); }

void bind_team(const std::vector<int>& ids) {
    const int threads = thread_count();
    if (static_cast<int>(ids.size()) != threads)
        throw UsageError("[parallel] wanted a processor for each of " + std::to_string(threads) + " threads, got " +
                         std::to_string(ids.size()));
    std::vector<std::vector<int>> masks;
    for (const int id : ids) masks.push_back({id});
    place_team(std::move(masks));
}

void detail::run_ranges(std::int64_t count, std::int64_t grain, RangeBody body, void* context) {
    if (count <= 0) return;
    grain = std::max<std::int64_t>(grain, 1);
    const int threads = thread_count();
    if (count <= grain || threads == 1 || in_region()) {
        body(context, 0, count);
        return;
    }
    Team& team = Team::global();
    team.require(threads);
    team.run({body, context, count, grain, std::min<std::int64_t>(threads, chunk_count(count, grain))});
}

}  // namespace keel
