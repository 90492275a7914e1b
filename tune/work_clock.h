// The time in which a runner's process runs.
#pragma once

#include <algorithm>
#include <chrono>
#include <utility>

namespace keel::tune {

/// A clock that is looked at now and then, and stands still where its process, or the machine, does.
class WorkClock {
public:
    /// Returns the seconds since it was made, of each gap between two looks `kLongestGap` at most.
    double now() {
        const auto at = Clock::now();
        seconds_ += std::min(kLongestGap, std::chrono::duration<double>(at - std::exchange(looked_, at)).count());
        return seconds_;
    }

private:
    using Clock = std::chrono::steady_clock;
    static constexpr double kLongestGap = 30;  // seconds; a longer one was not spent at work

    Clock::time_point looked_ = Clock::now();
    double seconds_ = 0;
};

}  // namespace keel::tune
