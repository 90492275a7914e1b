// What a run on these ranks may expect of its network, measured.
#pragma once

#include "distributed/world.h"
#include "engine/json.h"

namespace keel::cli {

struct RankReport {
    Json object;
    std::string text;
};

/// Runs the self-test; all ranks call it. Costs, and the predicted time of each algorithm for the gradients of the two
/// models that Keel is measured by.
RankReport report_ranks(World& world);

}  // namespace keel::cli
