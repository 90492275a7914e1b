#include "kernels/parallel.h"

#include <omp.h>

#include <atomic>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "kernels/error.h"
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
    const int cores = allowed_cores();
    return std::min(environment_limit("OMP_NUM_THREADS", cores), environment_limit("SLURM_CPUS_PER_TASK", cores));
}

/// Kept here and given to each region: what OpenMP itself keeps for the calling thread is the host program's.
std::atomic<int>& team() {
    static std::atomic<int> threads = default_threads();
    return threads;
}

std::atomic<bool>& fixed_sums() {
    static std::atomic<bool> fixed{false};
    return fixed;
}

}  // namespace

int allowed_cores() { return core_count(process_cpus()); }

int thread_count() { return team(); }

void set_thread_count(int threads) {
    if (threads < 1) throw UsageError("[parallel] wanted at least 1 thread, got " + std::to_string(threads));
    team() = threads;
}

void fix_sums(bool fixed) { fixed_sums() = fixed; }

bool sums_are_fixed() { return fixed_sums(); }

void bind_team() {
    const int threads = thread_count();
    const std::vector<std::vector<int>> masks = team_masks(process_cpus(), threads);
    if (masks.empty() || omp_get_proc_bind() != omp_proc_bind_false) return;
#pragma omp parallel num_threads(threads)
    bind_thread(masks[static_cast<std::size_t>(omp_get_thread_num())]);
}

void bind_team(const std::vector<int>& ids) {
    const int threads = thread_count();
    if (static_cast<int>(ids.size()) != threads)
        throw UsageError("[parallel] wanted a processor for each of " + std::to_string(threads) + " threads, got " +
                         std::to_string(ids.size()));
    if (omp_get_proc_bind() != omp_proc_bind_false) return;
#pragma omp parallel num_threads(threads)
    bind_thread({ids[static_cast<std::size_t>(omp_get_thread_num())]});
}

void detail::run_ranges(std::int64_t count, std::int64_t grain, RangeBody body, void* context) {
    if (count <= 0) return;
    grain = std::max<std::int64_t>(grain, 1);
    const int threads = thread_count();
    if (count <= grain || threads == 1 || omp_in_parallel() != 0) {
        body(context, 0, count);
        return;
    }
    const std::int64_t grains = chunk_count(count, grain);
    std::exception_ptr failure;
#pragma omp parallel num_threads(threads)
    {
        const std::int64_t team_size = omp_get_num_threads(), me = omp_get_thread_num();
        const std::int64_t begin = std::min(count, grains * me / team_size * grain);
        const std::int64_t end = std::min(count, grains * (me + 1) / team_size * grain);
        try {
            if (begin < end) body(context, begin, end);
        } catch (...) {
#pragma omp critical(keel_parallel_failure)
            failure = std::current_exception();
        }
    }
    if (failure) std::rethrow_exception(failure);
}

}  // namespace keel
