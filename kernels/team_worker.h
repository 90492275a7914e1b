// One of a team's threads, and how threads wait in turns.
#pragma once

#include <immintrin.h>
#include <pthread.h>
#include <sched.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "kernels/team.h"

namespace keel::detail {

struct alignas(64) Team::Worker {
    Team* team = nullptr;
    int index = 0;  ///< from 1; the caller of a region is number 0
    pthread_t thread{};
    std::atomic<int> id{0};  ///< the system's; 0: it did not begin yet
    /// The caller's processor, if it was lent to this thread; kNone, or kLending while that is being done.
    std::atomic<int> lent{kNone};
    static constexpr int kNone = -1, kLending = -2;
    cpu_set_t before{};                 ///< the processors that it ran on, where `lent` is one
    std::atomic<int> sent_from{kNone};  ///< the processor that was taken back from it since it last looked
    std::atomic<Job*> job{nullptr};     ///< that it works on
    std::atomic<bool> resting{false};   ///< it was late
    std::atomic<std::int64_t> rest_until{0};
    std::atomic<std::uint32_t> trimmed{0};  ///< Team::trims_ that it has answered
    std::uint32_t placed = 0;
    std::array<std::uint64_t, 8> looked{};  ///< number of each job's region in which nothing is left for it
    Backoff calm{4 * kMillisecond, 250 * kMillisecond};
    std::int64_t calm_until = 0;  ///< until then it sleeps at once: it lost its processor while it turned

    std::int64_t stepped_aside = 0;  ///< when it last moved out of the caller's way
    int avoided = -1;                ///< the processor that it stays away from
};

std::int64_t now_ns();

/// Returns for how long a thread has run; a time that stands still is that of one that does not.
std::int64_t processor_ns(pthread_t thread);

/// The calling thread is in a region for good, in this slot of all.
void stay_in_region(int slot);

/// Turns until `done()`, at most `ns` long; returns whether it is.
template <class Done>
bool turn_until(const Done& done, std::int64_t ns) {
    if (ns <= 0) return done();
    for (const std::int64_t end = now_ns() + ns;;) {
        for (int turn = 0; turn < 32; ++turn) {
            if (done()) return true;
            _mm_pause();
        }
        if (now_ns() >= end) return done();
    }
}

}  // namespace keel::detail
