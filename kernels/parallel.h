// The one compute pool, a team of Keel's own threads (kernels/team.h) that all threads of the program share. A region
// is divided by the team's size alone, whoever computes the parts: other load, and threads that the system refuses,
// cost time and change no result. Libraries below (oneDNN) compute on the thread that calls them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace keel {

/// Threads of the compute pool. By default the cores this process may use, limited by a control group's quota of
/// processor time, OMP_NUM_THREADS and SLURM_CPUS_PER_TASK.
int thread_count();

/// More threads than this are a mistake.
inline constexpr int kMostThreads = 1024;

/// Sets the team size, 1 to kMostThreads; not while a region runs. Throws UsageError for another.
void set_thread_count(int threads);

/// Sets the team size for the lifetime of the object. Throws as set_thread_count() does.
class ThreadScope {
public:
    explicit ThreadScope(int threads) : before_(thread_count()) { set_thread_count(threads); }
    ~ThreadScope() { set_thread_count(before_); }
    ThreadScope(const ThreadScope&) = delete;
    ThreadScope& operator=(const ThreadScope&) = delete;

private:
    int before_;
};

/// Starts the team, which else the first region does.
void start_threads();

/// Returns how many threads compute: thread_count(), or fewer where there are fewer processors or the system refused
/// threads; of which team_shortage() tells in a sentence, with the limit, else it returns "". Both start the team.
int running_threads();
std::string team_shortage();

/// Returns for how many nanoseconds the team's threads and the calling one were ready to run while others had their
/// processors, since they began, by Linux's own count (schedstat); or -1 where it keeps none.
std::int64_t stolen_ns();

/// Gives back the memory that kernels keep for their next call: of the team's threads and of the calling one, and of
/// every other with its next call.
void trim_threads();

/// The cores of process_cpus(). A second hyper-thread adds nothing to a core whose vector units are busy.
int allowed_cores();

/// Makes sums fixed: with `fixed` none depends on the team's size any more: gradients of weights are summed in as many
/// groups of rows as the layer alone asks for, which costs large teams some of their speed.
void fix_sums(bool fixed);
bool sums_are_fixed();

/// Keeps each thread of the team on the node that team_masks() (kernels/topology.h) gives it, until the team's size is
/// set anew. Does nothing on a machine of one node, or where OpenMP's own variables bind the threads. For programs: it
/// binds the calling thread, too.
void bind_team();

/// The same with masks of one's own, one for each thread; empty: does nothing.
void place_team(std::vector<std::vector<int>> masks);

/// Binds thread i of the team to processor `ids[i]`, and the calling thread is the first; not where OpenMP's own
/// variables bind them. For programs that share a machine with others of their kind. Throws UsageError for another
/// number of them than threads.
void bind_team(const std::vector<int>& ids);

/// Returns which of the threads of a region the calling one is, from 0 to below thread_count(); no two of a region have
/// the same.
int thread_slot();

/// Where the parts of a region keep what they need of memory: `count` places, one for each part, or for each thread if
/// parts are more.
struct PartPlaces {
    explicit PartPlaces(std::int64_t parts)
        : by_part(parts <= thread_count()), count(by_part ? parts : thread_count()) {}
    /// Returns that of a part, on the thread that runs it.
    std::int64_t of(std::int64_t part) const { return by_part ? part : thread_slot(); }

    bool by_part;
    std::int64_t count;
};

/// Returns in how many pieces each thread's share of so many multiply-adds is cut: one, or several where it takes long,
/// so that a thread that loses its processor to others holds up a small one.
std::int64_t piece_count(std::int64_t multiply_adds);

namespace detail {
using RangeBody = void (*)(void* context, std::int64_t begin, std::int64_t end);
void run_ranges(std::int64_t count, std::int64_t grain, RangeBody body, void* context);
void run_parts(std::int64_t count, RangeBody body, void* context);

template <class Body>
void call_range(void* context, std::int64_t begin, std::int64_t end) {
    (*static_cast<Body*>(context))(begin, end);
}
}  // namespace detail

/// Calls `body(begin, end)` on disjoint ranges that cover [0, count), split evenly and statically in multiples of
/// `grain` items: one for each thread at most, or several where they hold many grains. Runs on the caller alone where
/// count <= grain or inside a region. No range may wait for another one: a thread may run several, one after the other.
/// An exception of `body` is rethrown on the caller (one of them, if there are several).
template <class Body>
void parallel_for(std::int64_t count, std::int64_t grain, Body&& body) {
    detail::run_ranges(count, grain, detail::call_range<std::remove_reference_t<Body>>,
                       const_cast<void*>(static_cast<const void*>(&body)));
}

/// The same where each of `count` parts, at most kMostParts, is a range of its own that whoever is free takes.
template <class Body>
void parallel_parts(std::int64_t count, Body&& body) {
    detail::run_parts(count, detail::call_range<std::remove_reference_t<Body>>,
                      const_cast<void*>(static_cast<const void*>(&body)));
}
inline constexpr std::int64_t kMostParts = kMostThreads;

/// How many chunks of `chunk` items cover `count`. Reductions sum fixed chunks and combine them in order, so their
/// result does not depend on the number of threads.
constexpr std::int64_t chunk_count(std::int64_t count, std::int64_t chunk) { return (count + chunk - 1) / chunk; }

}  // namespace keel
