#include "data/dataset.h"

#include <algorithm>
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

namespace {

/// Throws UsageError for two attributes of one name or one without a name.
void check_names(const std::vector<std::string>& attributes) {
    for (auto name = attributes.begin(); name != attributes.end(); ++name)
        if (name->empty() || std::find(attributes.begin(), name, *name) != name)
            throw UsageError(fmt::format("[data] wanted attributes of different names, got '{}' {}", *name,
                                         name->empty() ? "for one" : "twice"));
}

/// Makes the sample's values as many as there are attributes.
void complete_attributes(Sample& sample, std::size_t attributes) {
    if (sample.attributes.empty()) sample.attributes.resize(attributes);
    if (sample.attributes.size() != attributes)
        throw UsageError(fmt::format("[data] {} has {} attributes, the data set {}", sample.name,
                                     sample.attributes.size(), attributes));
}

/// Throws UsageError for targets that are neither one a label nor none, or are beyond 0 to 1, or a weight below 0.
void check_soft_targets(const Sample& sample, std::size_t labels) {
    const bool fit = sample.soft.empty() || (labels > 0 && sample.soft.size() == labels);
    const auto beyond = [](float target) { return target != kNoSoftTarget && !(target >= 0 && target <= 1); };
    if (!fit || std::ranges::any_of(sample.soft, beyond) || !(sample.weight >= 0))
        throw UsageError(
            fmt::format("[data] {} has {} soft targets for {} labels, some perhaps beyond 0 to 1, and the "
                        "weight {}",
                        sample.name, sample.soft.size(), labels, sample.weight));
}

}  // namespace

Dataset::Dataset(DatasetContents contents) : contents_(std::move(contents)) {
    const auto labels = static_cast<std::int64_t>(label_names().size());
    if (channels() < 1 || labels < 1 || (task() == Task::labels && labels > kMaxLabels))
        throw UsageError(fmt::format(
            "[data] a data set of {} channels and {} labels; wanted at least one of each, {} labels at most",
            channels(), labels, kMaxLabels));
    check_names(attribute_names());
    const std::uint64_t past = labels < kMaxLabels ? kAllKnown << labels : 0;
    for (const Split split : kSplits)
        for (Sample& sample : contents_.splits[static_cast<std::size_t>(split)]) {
            complete_attributes(sample, attribute_names().size());
            check_soft_targets(sample, task() == Task::labels ? label_names().size() : 0);
            const bool unknown_class = task() == Task::classes && sample.label == kUnknownClass;
            sample.known = task() == Task::labels ? sample.known | past : unknown_class ? 0 : kAllKnown;
            sample.mask &= sample.known;
            if (task() == Task::labels || (unknown_class && split == Split::train)) continue;
            if (sample.label < 0 || sample.label >= labels)
                throw UsageError(
                    fmt::format("[data] {} is of class {}, wanted 0 to {}", sample.name, sample.label, labels - 1));
        }
}

Image Dataset::load(Split split, std::int64_t index, LeastSize least) const {
    const Sample& sample = samples(split)[static_cast<std::size_t>(index)];
    Image image = read(sample, least);
    const bool whole = image.width >= 1 && image.height >= 1 &&
                       (image.bits == 8 || image.bits == 16 || image.bits == 32) &&
                       image.pixels.size() == image.samples() * static_cast<std::size_t>(image.bits / 8);
    if (!whole || image.channels != channels())
        throw InputError(fmt::format(
            "[data] {}: wanted an image in {} channels of 8, 16 or 32 bits, got {} x {} in {} of {}, {} bytes",
            sample.name, channels(), image.width, image.height, image.channels, image.bits, image.pixels.size()));
    return image;
}

}  // namespace keel
