// Which model computes next, and with how many images: a pure function of what waits.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

namespace keel::serve {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

struct BatchLimits {
    std::int64_t max_batch = 16;   ///< images that are computed at once
    Clock::duration max_delay{};   ///< for which an image waits for company that is on its way
    std::int64_t max_queue = 128;  ///< images that wait, of all models
};

/// What waits for one model.
struct QueueView {
    std::int64_t images = 0;  ///< that wait
    TimePoint oldest{};       ///< when the first of them came
    std::int64_t coming = 0;  ///< requests that are being read or decoded
    double served = 0;        ///< seconds of computing that it had, as fair_start() counts them
};

struct BatchDecision {
    std::optional<std::size_t> queue{};  ///< whose turn it is; none: nobody's yet
    TimePoint wake = TimePoint::max();   ///< when to decide again, if nothing comes before
};

/// Decides at `now`, when nothing computes. A queue is ready when its images fill a batch, when nothing more is coming
/// for it, or when its oldest image has waited for max_delay. Of those that are ready it is the turn of the one that
/// had the least time; of equals of the one whose oldest image waits the longest.
BatchDecision decide_batch(std::span<const QueueView> queues, const BatchLimits& limits, TimePoint now);

/// Returns the time that a queue counts as having had when its first image comes after it was empty: no less than what
/// the queue had whose turn it was last, so that nobody saves up for a burst (start-time fair queueing: Goyal, Vin and
/// Cheng, SIGCOMM 1996).
constexpr double fair_start(double own, double of_last_turn) { return own < of_last_turn ? of_last_turn : own; }

}  // namespace keel::serve
