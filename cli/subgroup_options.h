// --by and what belongs to it, of the commands that score.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/app.h"
#include "runs/subgroups_text.h"

namespace keel::cli {

struct SubgroupFlags {
    std::vector<std::string> by{};
    std::optional<double> threshold{};
    std::int64_t fewest = SubgroupOptions{}.fewest, replicates = SubgroupOptions{}.replicates;
};

void add_subgroup_options(CLI::App& app, SubgroupFlags& o);

/// Returns what --by names. Throws UsageError for what is no such name.
std::vector<GroupBy> groups_asked_for(const SubgroupFlags& o);

/// Compares the groups that are asked for. Thresholds are --threshold's, else those that `input` has, which `origin`
/// names, else youden_thresholds() of the scores themselves. Throws UsageError for --by that fits nothing.
SubgroupResult compare_groups(const SubgroupFlags& o, SubgroupInput input, const std::string& origin,
                              const Globals& globals);

}  // namespace keel::cli
