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

/// When a worker rests that shares its processor with others. The scheduler gives a processor away in the middle of
/// whatever a thread does, for milliseconds in which all others of the team wait for that part. A thread that rests of
/// its own accord as long as is the others' due keeps its processor while it works. How long that is the worker finds
/// out: who wakes late had too much before, who wakes at once may rest less the next time.
class Courtesy {
public:
    /// Tells that the thread had no processor for `lost_ns` since the last time though it wanted one.
    void lost(std::int64_t now_ns, std::int64_t lost_ns) {
        if (lost_ns < kLeastLoss) return;
        if (share_ == 0 && now_ns - last_loss_ < kSoon) share_ = 1;
        last_loss_ = now_ns;
    }

    /// Whether it shares its processor, as far as is known.
    bool active() const { return share_ != 0; }

    /// Returns how long it rests now, after `worked_ns` without a rest; 0: not at all.
    std::int64_t rest_ns(std::int64_t worked_ns) const {
        if (share_ == 0 || worked_ns < kTurn) return 0;
        return static_cast<std::int64_t>(share_ * static_cast<double>(std::min(worked_ns, kMostTurn)));
    }

    /// Tells that it woke from a rest of `wanted_ns`, so much later than it wanted.
    void woke(std::int64_t wanted_ns, std::int64_t late_ns) {
        const bool late = late_ns > kLate + wanted_ns / 4;
        share_ = late ? std::min(share_ * kMore, kMostShare) : share_ * kLess;
        if (share_ < kLeastShare) share_ = 0;
    }

private:
    static constexpr std::int64_t kLeastLoss = kMillisecond, kSoon = 100 * kMillisecond, kTurn = kMillisecond,
                                  kMostTurn = 4 * kMillisecond, kLate = 300 * kMicrosecond;
    static constexpr double kMore = 1.25, kLess = 0.95, kLeastShare = 0.25, kMostShare = 8;

    double share_ = 0;  ///< of rest to work
    std::int64_t last_loss_ = -kSoon;
};

/// Returns for how many nanoseconds a thread turns before it sleeps, by what OpenMP's variables OMP_WAIT_POLICY and
/// GOMP_SPINCOUNT say; null or malformed: their own default is Keel's.
std::int64_t turning_ns(const char* wait_policy, const char* spin_count);

}  // namespace keel
