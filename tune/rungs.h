// After how many epochs trials are judged.
#pragma once

#include <vector>

namespace keel::tune {

/// Returns the epochs of the rungs, rising: `most`, and 1/eta, 1/eta^2, ... of it, rounded, down to `least`. Throws
/// UsageError unless 1 <= least <= most and eta is 2 at least.
std::vector<int> rungs_of(int most, int least, int eta);

}  // namespace keel::tune
