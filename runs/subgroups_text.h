// Subgroups for people and programs.
#pragma once

#include <string>
#include <vector>

#include "engine/json.h"
#include "runs/subgroups.h"

namespace keel {

/// [{"by": "age:20", "groups": [{"group": "[20, 40)", "samples", "patients", "labels": {LABEL: {"positives",
/// "negatives", "auroc", "auroc_interval": [low, high], "false_negative_rate", "false_negative_rate_interval",
/// "false_positive_rate", "false_positive_rate_interval", "too_few"}}}], "gaps": {LABEL: {"auroc": {"highest",
/// "lowest", "difference", "interval"}, "false_negative_rate", "false_positive_rate"}}, "no_numbers"}]; null where
/// undefined.
Json subgroups_json(const std::vector<Subgroups>& all, const std::vector<std::string>& labels);

/// "AUROC" and so on with their intervals, as cells; `present` by whether there is a value, "too few" where a group has
/// too few to conclude from.
std::string auroc_text(const GroupScore& score);
std::string false_negatives_text(const GroupScore& score);
std::string false_positives_text(const GroupScore& score);
std::string gap_text(const std::optional<Gap>& gap);

/// "age in ranges of 20", "sex".
std::string by_text(const GroupBy& by);

/// Tables, one an attribute; `thresholds` says where the rates' thresholds come from.
std::string subgroups_text(const std::vector<Subgroups>& all, const std::vector<std::string>& labels,
                           const std::string& thresholds);

/// What the groups come to: for "subgroups" of a result's JSON, null where none are asked for, and the text.
struct SubgroupResult {
    Json json{};
    std::string text{};
};

/// Compares groups. Thresholds are `threshold`, where there is one, for all labels, else those that `input` has, which
/// `origin` names, else youden_thresholds() of the scores themselves. Throws UsageError as compare_subgroups() does.
SubgroupResult subgroup_result(SubgroupInput input, const std::vector<GroupBy>& by, const SubgroupOptions& options,
                               std::optional<double> threshold, const std::string& origin);

}  // namespace keel
