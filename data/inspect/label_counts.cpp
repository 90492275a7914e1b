#include "data/inspect/label_counts.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/text.h"

namespace keel {

Json label_counts_json(const Dataset& dataset, const std::array<SplitCounts, 3>& counts) {
    Json splits = Json::object();
    for (const Split split : kSplits) {
        const SplitCounts& c = counts[static_cast<std::size_t>(split)];
        Json per_label = Json::object();
        for (std::size_t i = 0; i < c.per_label.size(); ++i) per_label[dataset.label_names()[i]] = c.per_label[i];
        Json& entry = splits[split_name(split)] = {{"samples", c.samples}, {"labels", std::move(per_label)}};
        if (std::ranges::any_of(c.unknown, [](std::int64_t count) { return count > 0; })) {
            Json& unknown = entry["unknown"] = Json::object();
            for (std::size_t i = 0; i < c.unknown.size(); ++i) unknown[dataset.label_names()[i]] = c.unknown[i];
        }
        if (dataset.task() == Task::labels) entry["without_label"] = c.without_label;
    }
    return splits;
}

std::string label_counts_table(const Dataset& dataset, const std::array<SplitCounts, 3>& counts) {
    const bool labels = dataset.task() == Task::labels;
    std::vector<std::vector<std::string>> rows(1, {labels ? "label" : "class"});
    for (const Split split : kSplits) rows[0].emplace_back(split_name(split));
    const auto add_row = [&](const std::string& title, auto&& count) {
        auto& row = rows.emplace_back(1, title);
        for (const SplitCounts& c : counts) row.push_back(std::to_string(count(c)));
    };
    for (std::size_t i = 0; i < dataset.label_names().size(); ++i)
        add_row(dataset.label_names()[i], [i](const SplitCounts& c) { return c.per_label[i]; });
    for (std::size_t i = 0; i < dataset.label_names().size(); ++i)
        if (std::ranges::any_of(counts, [i](const SplitCounts& c) { return c.unknown[i] > 0; }))
            add_row(dataset.label_names()[i] + " unknown", [i](const SplitCounts& c) { return c.unknown[i]; });
    if (labels) add_row("without any", [](const SplitCounts& c) { return c.without_label; });
    add_row("samples", [](const SplitCounts& c) { return c.samples; });
    return format_table(rows);
}

}  // namespace keel
