// The threads of the compute pool, Keel's own. A region is divided into parts, each of which is claimed by one thread:
// those of share i by worker i, which had its neighbours' data before, or by whoever is free when that one is not
// there. So a worker that does not run, or that the system refused, costs time and nothing else: the parts, and with
// them every sum, are the same. The scheduler takes a processor away in the middle of a part, for milliseconds in which
// all would wait for that part: the caller then lends its own, so that what a shared processor costs is the time that
// others have it. All threads of the host program share the workers.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <string>
#include <vector>

#include "kernels/crowding.h"

namespace keel::detail {

using RangeBody = void (*)(void* context, std::int64_t begin, std::int64_t end);

/// `parts` even shares of `count` items, in multiples of `grain`, for threads of slots below `slots`.
struct Region {
    RangeBody body = nullptr;
    void* context = nullptr;
    std::int64_t count = 0, grain = 1, parts = 1;
    int slots = 1;

    std::int64_t begin(std::int64_t part) const;
    void run(std::int64_t part) const { body(context, begin(part), begin(part + 1)); }
    /// Returns the part that a thread tries `attempt`-th: first those of its own share.
    std::int64_t part_of(int slot, std::int64_t attempt) const {
        const std::int64_t first = parts <= slots ? slot : parts * slot / slots;
        return (first + attempt) % parts;
    }
};

/// A region that workers may join. It serves one region after another and is read while it may be written, so all of it
/// is atomic, and `serial`, odd while a region is written, tells whether what was read belongs together.
struct Job {
    /// The last region of which somebody has this part. A cache line each: each is another thread's.
    struct alignas(64) Claim {
        std::atomic<std::uint64_t> serial{0};
    };
    static constexpr std::uint32_t kSleeping = 1U << 31U;

    alignas(64) std::atomic<std::uint64_t> serial{0};
    std::atomic<RangeBody> body{nullptr};
    std::atomic<void*> context{nullptr};
    std::atomic<std::int64_t> count{0}, grain{1}, parts{0};
    std::atomic<int> slots{1};
    std::atomic<int> processor{-1};  ///< that the caller runs on
    std::atomic<Claim*> claims{nullptr};
    std::exception_ptr failure;  ///< of whoever set `failed`; read when nothing remains
    std::atomic<bool> failed{false};
    alignas(64) std::atomic<std::uint32_t> remaining{0};  ///< parts that are not done; kSleeping: and the caller sleeps
    alignas(64) std::atomic<bool> taken{false};           ///< by a caller

    /// Takes it for the calling thread; false where another one has it, or there is no memory for it.
    bool take();
    /// Offers a region to the workers; returns its serial number.
    std::uint64_t publish(const Region& region);
    /// Reads the region that was offered last; returns its number, or 0 where there is none that is whole.
    std::uint64_t read(Region& region) const;
    /// Whether the calling thread got this part.
    bool claim(std::int64_t part, std::uint64_t number);
    /// Whether nothing remains.
    bool is_done() const { return (remaining.load(std::memory_order_acquire) & ~kSleeping) == 0; }
    /// Runs a part, keeps its exception, and counts it as done.
    void run(const Region& region, std::int64_t part) noexcept;
};

/// The team of one process. It is never destroyed: threads that outlive main() compute on it.
class Team {
public:
    static constexpr int kMost = 1024;

    /// Returns the process's; after a fork() that of the child, whose threads start with its first region.
    static Team& global();

    /// Runs a region of two parts or more, with the workers that are there. Rethrows an exception of its body.
    void run(const Region& region);
    /// Starts workers for `threads` threads in all: as many as there are processors to run them, and as the system
    /// gives.
    void require(int threads);

    /// Returns how many workers there are.
    int started() const { return started_; }
    /// Returns why there are not more, or nothing where there are as many as were wanted.
    std::string refusal() const;

    /// Worker i, and the calling thread is number 0, stays on masks[i] from its next region on.
    void place(std::vector<std::vector<int>> masks);
    /// Returns those masks.
    std::vector<std::vector<int>> masks() const;

    /// Returns what stolen_ns() of kernels/parallel.h does.
    std::int64_t stolen_ns() const;

    /// Waits, for a second at most, until each worker gave its scratch memory back.
    void trim();

private:
    struct Worker;

    Team();
    Job* free_job();
    bool finish(Job& job, std::int64_t own_ns);
    template <class Wait, class Each>
    void watch(Job& job, Wait wait, Each each);
    void doubt(Job& job);
    void bench(Worker& late);

    void look_around(std::int64_t now);
    void start_more(int wanted, std::int64_t now);
    int start(int index);
    static void* enter(void* worker);
    void serve(Worker& me);
    bool help(Worker& me);
    void step_aside(Worker& me, const Job& job);
    bool lend(Job& job);
    void take_back(const Job& job);
    void come_back(Worker& me);
    void wait(std::uint32_t seen, Worker& me);
    void rest(Worker& me);
    void park(const Worker& me);
    void settle(Worker& me);

    std::array<Job, 8> jobs_;
    alignas(64) std::atomic<std::uint32_t> epoch_{0};     ///< counts regions and all else that workers wait for
    alignas(64) std::atomic<std::uint32_t> sleeping_{0};  ///< workers that only a wake() brings back
    std::atomic<int> ready_{0};                           ///< workers that neither rest nor are parked
    alignas(64) std::atomic<std::uint32_t> wanted_{0};    ///< workers; those beyond are parked
    std::atomic<int> asked_{0};                           ///< threads, of require()
    std::atomic<std::int64_t> looked_{0};                 ///< when look_around() did
    std::atomic<bool> crowded_{false};                    ///< more threads than processors: nobody turns
    std::atomic<std::uint32_t> placement_{0}, trims_{0};  ///< count the calls of place() and trim()
    std::atomic<int> started_{0};
    std::array<std::atomic<Worker*>, kMost> workers_{};
    const std::int64_t turning_ns_;

    mutable std::mutex mutex_;  // guards what follows; the child of a fork has another team
    std::vector<std::vector<int>> masks_;
    std::string refusal_;
    std::int64_t refused_ = 0;  ///< when
    Backoff late_{8 * kMillisecond, kSecond};
};

/// Whether the calling thread is in a region, of Keel's or of OpenMP's: another one runs on it alone.
bool in_region();

}  // namespace keel::detail
