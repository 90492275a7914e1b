// --by and what belongs to it, of the commands that score.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/app.h"
#include "cli/output.h"
#include "runs/subgroups.h"

namespace keel::cli {

struct SubgroupFlags {
    std::vector<std::string> by{};
    std::optional<double> threshold{};
    std::int64_t fewest = SubgroupOptions{}.fewest, replicates = SubgroupOptions{}.replicates;
};

void add_subgroup_options(CLI::App& app, SubgroupFlags& o);

/// What the groups come to: for "subgroups" of the result's JSON, null without --by, and the text.
struct SubgroupResult {
    Json json;
    std::string text;
};

/// Compares the groups that are asked for. Thresholds are --threshold's, else those that `input` has, which `origin`
/// names, else youden_thresholds() of the scores themselves. Throws UsageError for --by that fits nothing.
SubgroupResult compare_groups(const SubgroupFlags& o, SubgroupInput input, const std::string& origin,
                              const Globals& globals);

}  // namespace keel::cli
