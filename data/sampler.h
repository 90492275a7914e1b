// The order in which an epoch visits its samples.
#pragma once

#include <cstdint>
#include <vector>

namespace keel {

/// A permutation of [0, n) that depends on (seed, epoch, n) alone. 0 <= n < 2^32.
std::vector<std::int64_t> permutation(std::uint64_t seed, std::uint64_t epoch, std::int64_t n);

}  // namespace keel
