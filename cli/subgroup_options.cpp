#include "cli/subgroup_options.h"

#include <utility>

#include "cli/options.h"

namespace keel::cli {

void add_subgroup_options(CLI::App& app, SubgroupFlags& o) {
    add_list(app, "--by", o.by, "NAME[:WIDTH]", {.commas = true},
             "Compare groups of patients: attributes of the data, separated by commas; age:20 makes ranges of 20");
    add_number(app, "--threshold", o.threshold, at_least(-1e9),
               "Score from which an answer is yes, for all labels, where groups are compared [default: the "
               "checkpoint's (keel threshold), else the best sum of sensitivity and specificity on these scores]");
    add_number(app, "--fewest", o.fewest, from_to(1, 1'000'000),
               "Positives, and negatives, of a group below which nothing is concluded from it");
    add_number(app, "--replicates", o.replicates, from_to(0, 100'000), "Of the bootstrap that makes groups' intervals");
}

std::vector<GroupBy> groups_asked_for(const SubgroupFlags& o) {
    std::vector<GroupBy> by;
    for (const std::string& text : o.by) by.push_back(parse_group_by(text));
    return by;
}

SubgroupResult compare_groups(const SubgroupFlags& o, SubgroupInput input, const std::string& origin,
                              const Globals& globals) {
    if (o.by.empty()) return {};
    const SubgroupOptions options{.fewest = o.fewest, .replicates = o.replicates, .seed = globals.seed.value_or(0)};
    return subgroup_result(std::move(input), groups_asked_for(o), options, o.threshold, origin);
}

}  // namespace keel::cli
