// The one compute pool: OpenMP's, the pool that oneDNN runs on as well. The team size never changes between
// regions (libgomp would build a new team), so work is either split over the whole team or done by the caller.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace keel {

/// Threads of the compute pool. By default the cores this process may use, limited by OMP_NUM_THREADS and
/// SLURM_CPUS_PER_TASK.
int thread_count();

/// Sets the team size (>= 1); call it before the first region. Throws UsageError if `threads` < 1.
void set_thread_count(int threads);

/// The cores of process_cpus(). A second hyper-thread adds nothing to a core whose vector units are busy.
int allowed_cores();

/// Makes sums fixed: with `fixed` none depends on the team's size any more: gradients of weights are summed without
/// dividing their rows among the threads, and oneDNN runs on the caller alone, which costs large teams some of their
/// speed.
void fix_sums(bool fixed);
bool sums_are_fixed();

/// Keeps each thread of the team on the node that team_masks() (kernels/topology.h) gives it, until the team's size is
/// set anew. Does nothing on a machine of one node, or where OpenMP's own variables bind the threads. For programs: it
/// binds the calling thread, too.
void bind_team();

/// Binds thread i of the team to processor `ids[i]`, and the calling thread is the first; not where OpenMP's own
/// variables bind them. For programs that share a machine with others of their kind. Throws UsageError for another
/// number of them than threads.
void bind_team(const std::vector<int>& ids);

namespace detail {
using RangeBody = void (*)(void* context, std::int64_t begin, std::int64_t end);
void run_ranges(std::int64_t count, std::int64_t grain, RangeBody body, void* context);
}  // namespace detail

/// Calls `body(begin, end)` on disjoint ranges that cover [0, count), one range a thread, split evenly and
/// statically in multiples of `grain` items. Runs on the caller alone where count <= grain or inside a region.
/// An exception of `body` is rethrown on the caller (one of them, if there are several).
template <class Body>
void parallel_for(std::int64_t count, std::int64_t grain, Body&& body) {
    detail::run_ranges(
        count, grain,
        [](void* context, std::int64_t begin, std::int64_t end) { (*static_cast<Body*>(context))(begin, end); },
        const_cast<void*>(static_cast<const void*>(&body)));
}

/// How many chunks of `chunk` items cover `count`. Reductions sum fixed chunks and combine them in order, so their
/// result does not depend on the number of threads.
constexpr std::int64_t chunk_count(std::int64_t count, std::int64_t chunk) { return (count + chunk - 1) / chunk; }

}  // namespace keel
