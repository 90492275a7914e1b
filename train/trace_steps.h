// The steps of ranks in a trace that keel train --trace-steps or keel bench --trace wrote.
#pragma once

#include <string>
#include <string_view>

#include "distributed/planning/scale_model.h"

namespace keel {

struct TracedRanks {
    MeasuredRanks ranks;  ///< the factors are of `seconds`
    double seconds = 0;   ///< the median step of a rank without its waits, for images and for sums over ranks
    int steps = 0;        ///< of each rank
};

/// Returns how long each rank took for each step. A step ends with the optimizer's last update; what comes before the
/// first one's end is left out, for nobody knows when it began. `origin` is the file's name, for messages. Throws
/// InputError for a text that is no trace, and for one with less than two updates of a rank.
TracedRanks traced_ranks(std::string_view json, const std::string& origin);

}  // namespace keel
