// How long a call takes, for the benchmarks that alternate two sides.
#pragma once

#include <chrono>

namespace keel {

template <class Work>
double seconds_of(Work work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace keel
