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

/// A thread's share is cut into pieces of no fewer grains than these, which kernels choose for a few microseconds each;
/// of multiply-adds that take a core about a millisecond; and of so many pieces at most.
constexpr std::int64_t kPieceGrains = 16, kPieceProducts = 48'000'000, kMostPieces = 16;

/// Returns the pieces of a share of so many units.
std::int64_t pieces_of(std::int64_t share, std::int64_t least) {
    return std::clamp<std::int64_t>(share / least, 1, kMostPieces);
}

/// Whether a region of the calling thread's is for the caller alone.
bool runs_alone(int threads) { return threads == 1 || detail::in_region(); }

void run_on_team(const detail::Region& region) {
    detail::Team& team = detail::Team::global();
    team.require(region.slots);
    team.run(region);
}

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

std::int64_t stolen_ns() { return detail::Team::global().stolen_ns(); }

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

std::int64_t piece_count(std::int64_t multiply_adds) {
    const int threads = thread_count();
    return threads == 1 ? 1 : pieces_of(multiply_adds / threads, kPieceProducts);
}

void detail::run_ranges(std::int64_t count, std::int64_t grain, RangeBody body, void* context) {
    if (count <= 0) return;
    grain = std::max<std::int64_t>(grain, 1);
    const int threads = thread_count();
    if (count <= grain || runs_alone(threads)) return body(context, 0, count);
    const std::int64_t grains = chunk_count(count, grain);
    const std::int64_t parts = std::min({grains, threads * pieces_of(grains / threads, kPieceGrains), kMostParts});
    run_on_team({body, context, count, grain, parts, threads});
}

void detail::run_parts(std::int64_t count, RangeBody body, void* context) {
    if (count <= 0) return;
    const int threads = thread_count();
    if (count == 1 || runs_alone(threads)) return body(context, 0, count);
    run_on_team({body, context, count, 1, count, threads});
}

}  // namespace keel
