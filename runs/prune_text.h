// What pruning took of a model, for people and programs.
#pragma once

#include <string>

#include "engine/json.h"
#include "train/prune/prune.h"

namespace keel {

/// Returns channels, parameters and multiply-accumulates before and after, and the groups that became narrower, as an
/// object. `path`: where the smaller model is.
Json prune_json(const PruneReport& report, const PruneOptions& options, const std::string& path);

/// Returns the same as a text, with the ten groups that lost most.
std::string prune_text(const PruneReport& report, const PruneOptions& options, const std::string& path);

}  // namespace keel
