// What a team does about other load on its processors: who is late rests, and waiting does not burn a processor that
// somebody else wants.
#pragma once

#include <algorithm>
#include <cstdint>

namespace keel {

inline constexpr std::int64_t kMicrosecond = 1'000, kMillisecond = 1'000'000, kSecond = 1'000'000'000;

/// How long something that proved harmful is left alone: `first` nanoseconds, then twice as long each time it proves so
/// again soon after, up to `most`. A disturbance that comes once costs little, a neighbour that stays is asked rarely.
class Backoff {
public:
    constexpr Backoff(std::int64_t first, std::int64_t most) : first_(first), most_(most) {}

    /// Returns how long from `now_ns` on.
    std::int64_t next(std::int64_t now_ns) {
        const bool again = length_ != 0 && now_ns - end_ < kSoon * length_;
        length_ = again ? std::min(2 * length_, most_) : first_;
        end_ = now_ns + length_;
        return length_;
    }

private:
    static constexpr std::int64_t kSoon = 8;  // times the last length

    std::int64_t first_, most_, length_ = 0, end_ = 0;
};

/// Returns how long the caller of a region, who worked `own_ns` himself, waits before he doubts that the others run at
/// all: shares are even, and a thread that lost its processor to one other is back after a slice of the scheduler's, 3
/// or 4 ms.
constexpr std::int64_t patience_ns(std::int64_t own_ns) { return std::max(8 * kMillisecond, own_ns + own_ns / 2); }

/// Whether a thread that ran for `cpu_ns` of the `wall_ns` that passed had its processor to itself.
constexpr bool had_processor(std::int64_t cpu_ns, std::int64_t wall_ns) { return 2 * cpu_ns > wall_ns; }

/// Returns for how many nanoseconds a thread turns before it sleeps, by what OpenMP's variables OMP_WAIT_POLICY and
/// GOMP_SPINCOUNT say; null or malformed: their own default is Keel's.
std::int64_t turning_ns(const char* wait_policy, const char* spin_count);

}  // namespace keel
