#include "runs/prune_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "engine/text.h"

namespace keel {
namespace {

constexpr std::size_t kGroupsShown = 10;

double share(std::int64_t part, std::int64_t whole) {
    return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 1;
}

}  // namespace

Json prune_json(const PruneReport& report, const PruneOptions& options, const std::string& path) {
    Json groups = Json::array();
    for (const PrunedGroup& group : report.groups)
        if (group.after < group.before)
            groups.push_back({{"name", group.name}, {"before", group.before}, {"after", group.after}});
    const auto counted = [](std::int64_t before, std::int64_t after) {
        return Json{{"before", before}, {"after", after}, {"share", share(after, before)}};
    };
    return {{"out", path},
            {"score", name(options.score)},
            {"keep", options.keep},
            {"multiple", options.multiple},
            {"images", report.images},
            {"channels", counted(report.channels, report.channels_left)},
            {"parameters", counted(report.parameters, report.parameters_left)},
            {"macs", counted(report.macs, report.macs_left)},
            {"warnings", report.warnings},
            {"groups", std::move(groups)}};
}

std::string prune_text(const PruneReport& report, const PruneOptions& options, const std::string& path) {
    std::string text = fmt::format(
        "{}: {} of {} channels ({:.1f} %), by their {} scores on {} images\n", path, report.channels_left,
        report.channels, 100 * share(report.channels_left, report.channels), name(options.score), report.images);
    text += fmt::format("{:.2f} million parameters, {:.3f} of before; {:.3f} GMAC an image, {:.3f} of before\n",
                        1e-6 * static_cast<double>(report.parameters_left),
                        share(report.parameters_left, report.parameters), 1e-9 * static_cast<double>(report.macs_left),
                        share(report.macs_left, report.macs));
    std::vector<PrunedGroup> most;
    std::ranges::copy_if(report.groups, std::back_inserter(most),
                         [](const PrunedGroup& group) { return group.after < group.before; });
    if (most.empty()) return text + "no group of channels became narrower\n";
    text += fmt::format("{} of {} groups of channels became narrower; those that lost most:\n", most.size(),
                        report.groups.size());
    std::ranges::stable_sort(most, {}, [](const PrunedGroup& group) { return share(group.after, group.before); });
    most.resize(std::min(most.size(), kGroupsShown));
    std::vector<std::vector<std::string>> rows{{"channels", "before", "after"}};
    for (const PrunedGroup& group : most)
        rows.push_back({group.name, std::to_string(group.before), std::to_string(group.after)});
    return text + format_table(rows);
}

}  // namespace keel
