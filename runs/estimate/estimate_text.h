// What keel estimate says, for programs and people.
#pragma once

#include <string>
#include <vector>

#include "engine/json.h"
#include "runs/estimate/run_estimate.h"

namespace keel {

/// Figures are {"value", "low", "high"}; energy says whether it is an estimate; "assumptions" are sentences.
Json estimate_json(const RunFacts& facts, const RunPlan& plan, const RunEstimate& estimate,
                   const std::vector<std::string>& assumed);

/// Returns the same as a table, with the assumptions below it.
std::string estimate_text(const RunFacts& facts, const RunPlan& plan, const RunEstimate& estimate,
                          const std::vector<std::string>& assumed);

/// Returns what is assumed of any run, sentences.
std::vector<std::string> plain_assumptions(const RunFacts& facts);

/// Returns what the user should act on: a run that does not fit, input that does not keep up, a disk without room.
std::vector<std::string> estimate_warnings(const RunFacts& facts, const RunEstimate& estimate, std::int64_t disk_free);

}  // namespace keel
