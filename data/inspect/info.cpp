#include "data/inspect/info.h"

namespace keel {
namespace {

void add(const Sample& sample, SplitCounts& counts) {
    bool none = true;
    for (std::size_t i = 0; i < counts.per_label.size(); ++i) {
        counts.per_label[i] += sample.is_present(i);
        counts.unknown[i] += !sample.is_known(i);
        none = none && sample.is_known(i) && !sample.is_present(i);
    }
    counts.without_label += none;
}

}  // namespace

std::array<SplitCounts, 3> count_labels(const Dataset& dataset) {
    std::array<SplitCounts, 3> result;
    const std::size_t labels = dataset.label_names().size();
    for (Split split : kSplits) {
        SplitCounts& counts = result[static_cast<std::size_t>(split)];
        counts.samples = dataset.size(split);
        counts.per_label.assign(labels, 0);
        counts.unknown.assign(labels, 0);
        for (const Sample& sample : dataset.samples(split)) {
            if (dataset.task() == Task::labels)
                add(sample, counts);
            else if (sample.label != kUnknownClass)
                ++counts.per_label[static_cast<std::size_t>(sample.label)];
            else
                for (std::int64_t& unknown : counts.unknown) ++unknown;
        }
    }
    return result;
}

}  // namespace keel
