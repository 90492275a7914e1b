#include "data/dataset.h"

#include <utility>

#include <fmt/core.h>

#include "kernels/error.h"

namespace keel {

const char* split_name(Split split) {
    static constexpr const char* kNames[] = {"train", "val", "test"};
    return kNames[static_cast<std::size_t>(split)];
}

Split parse_split(const std::string& name) {
    for (Split split : kSplits) {
        if (name == split_name(split)) return split;
    }
    throw UsageError(fmt::format("[data] split must be train, val or test, not '{}'", name));
}

Dataset::Dataset(DatasetContents contents) : contents_(std::move(contents)) {
    const auto labels = static_cast<std::int64_t>(label_names().size());
    if (channels() < 1 || labels < 1 || (task() == Task::labels && labels > kMaxLabels))
        throw UsageError(fmt::format(
            "[data] a data set of {} channels and {} labels; wanted at least one of each, {} labels at most",
            channels(), labels, kMaxLabels));
    if (task() == Task::labels) return;
    for (const Split split : kSplits)
        for (const Sample& sample : samples(split))
            if (sample.label < 0 || sample.label >= labels)
                throw UsageError(
                    fmt::format("[data] {} is of class {}, wanted 0 to {}", sample.name, sample.label, labels - 1));
}

}  // namespace keel
