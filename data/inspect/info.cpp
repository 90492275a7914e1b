#include "data/inspect/info.h"

namespace keel {

std::array<SplitCounts, 3> count_labels(const Dataset& dataset) {
    std::array<SplitCounts, 3> result;
    const std::size_t labels = dataset.label_names().size();
    for (Split split : kSplits) {
        SplitCounts& counts = result[static_cast<std::size_t>(split)];
        counts.samples = dataset.size(split);
        counts.per_label.assign(labels, 0);
        for (const Sample& sample : dataset.samples(split)) {
            if (dataset.task() == Task::classes) {
                ++counts.per_label[static_cast<std::size_t>(sample.label)];
            } else {
                counts.without_label += sample.mask == 0;
                for (std::size_t i = 0; i < labels; ++i) counts.per_label[i] += static_cast<std::int64_t>(sample.mask >> i & 1U);
            }
        }
    }
    return result;
}

}  // namespace keel
