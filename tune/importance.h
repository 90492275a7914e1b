// How much each parameter matters.
#pragma once

#include <vector>

#include "tune/search_state.h"

namespace keel::tune {

/// Returns for each parameter the share of the variance of the trials' ranks that it alone explains, 0 to 1: trials
/// are ranked by their scores at the first rung, where all have been trained as long, those without one last; they fall
/// into groups by the parameter (its choices, or up to four of a number's quarters, and those without it), and the
/// share is the correlation ratio of these groups, less what as many groups of anything explain (Kelley's epsilon
/// squared). What parameters do together is in none of them. NaN where there are too few trials, or one group alone.
std::vector<double> importance(const SearchFacts& facts);

}  // namespace keel::tune
