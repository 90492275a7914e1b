#include "data/pipeline/label_groups.h"

#include <utility>

namespace keel {
namespace {

/// Returns the groups that a sample is in; `labels` is the one of those that show no label.
std::vector<std::size_t> groups_of(const Dataset& dataset, const Sample& sample) {
    const std::size_t labels = dataset.label_names().size();
    if (dataset.task() == Task::classes)
        return sample.label < 0 ? std::vector<std::size_t>{} : std::vector{static_cast<std::size_t>(sample.label)};
    std::vector<std::size_t> groups;
    bool known = false;
    for (std::size_t i = 0; i < labels; ++i) {
        known = known || sample.is_known(i);
        if (sample.is_present(i)) groups.push_back(i);
    }
    if (groups.empty() && known) groups.push_back(labels);
    return groups;
}

}  // namespace

LabelGroups label_groups(const Dataset& dataset, Split split) {
    const std::vector<Sample>& samples = dataset.samples(split);
    std::vector<std::vector<std::int64_t>> all(dataset.label_names().size() + 1);
    LabelGroups groups;
    for (std::size_t s = 0; s < samples.size(); ++s) {
        const std::vector<std::size_t> of_sample = groups_of(dataset, samples[s]);
        for (const std::size_t group : of_sample) all[group].push_back(static_cast<std::int64_t>(s));
        groups.left_out += of_sample.empty();
    }
    for (std::size_t g = 0; g < all.size(); ++g) {
        if (all[g].empty()) continue;
        groups.names.push_back(g < dataset.label_names().size() ? dataset.label_names()[g] : "no label");
        groups.samples.push_back(std::move(all[g]));
    }
    return groups;
}

}  // namespace keel
