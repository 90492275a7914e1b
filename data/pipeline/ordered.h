// The one pipeline of the room: work that runs on several threads between a source and a sink that see it in order,
// with bounded memory.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace keel {

/// Three stages over a ring of slots, which the caller owns. draw and take are called one at a time, in order; work on
/// several threads, of different slots.
struct OrderedStages {
    std::function<bool(std::size_t slot)> draw;  ///< puts the next item into a free slot; false: there is none
    std::function<void(std::size_t slot)> work;
    std::function<void(std::size_t slot)> take;  ///< then the slot is free
};

inline constexpr int kMaxWorkers = 1024;

/// Returns how many slots keep `workers` threads at work.
inline std::size_t ordered_slots(int workers) {
    return static_cast<std::size_t>(2 * std::clamp(workers, 1, kMaxWorkers));
}

/// Runs the stages until draw says that there is no more, at most `slots` items at once. Once `cancel` is set nothing
/// is drawn, and what is under way is neither worked on nor taken. The first exception of a stage ends it and is
/// thrown. Work has the calling thread's patience with storage (engine/patience.h), which `cancel` ends. The calling
/// thread is one of the `workers`, of which fewer do it where the system refuses threads; all may run on all the
/// processors of the process, the calling thread from then on as well. Holds no lock that others share, so that the
/// child of a fork() runs its own.
void run_ordered(std::size_t slots, int workers, const std::atomic<bool>& cancel, const OrderedStages& stages);

/// Does run_ordered on a thread of its own, so that the calling thread keeps its processors; waits for it.
void run_ordered_apart(std::size_t slots, int workers, const std::atomic<bool>& cancel, const OrderedStages& stages);

/// Calls make(i) -> T for i in [0, count) on `workers` threads and take(i, T&) for each in order, one at a time. The
/// first exception of either ends the loop and is thrown.
template <class T, class Make, class Take>
void for_each_in_order(std::int64_t count, int workers, const Make& make, const Take& take) {
    struct Slot {
        std::int64_t index = 0;
        T result;
    };
    std::vector<Slot> slots(ordered_slots(workers));
    std::int64_t next = 0;
    const std::atomic<bool> never{false};
    run_ordered_apart(slots.size(), workers, never,
                      {.draw =
                           [&](std::size_t slot) {
                               if (next == count) return false;
                               slots[slot].index = next++;
                               return true;
                           },
                       .work = [&](std::size_t slot) { slots[slot].result = make(slots[slot].index); },
                       .take = [&](std::size_t slot) { take(slots[slot].index, slots[slot].result); }});
}

}  // namespace keel
