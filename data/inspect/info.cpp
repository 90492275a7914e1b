#include "data/inspect/info.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/core.h>

#include "data/sources/sources.h"

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

/// "train: 312 samples of 40 patients, by the official list".
std::string split_text(const Dataset& dataset, Split split) {
    std::set<std::string> patients;
    for (const Sample& sample : dataset.samples(split))
        if (!sample.patient.empty()) patients.insert(sample.patient);
    const std::string& origin = dataset.origin(split);
    return fmt::format("{}: {} samples{}{}{}", split_name(split), dataset.size(split),
                       patients.empty() ? "" : fmt::format(" of {} patients", patients.size()),
                       origin.empty() ? "" : ", ", origin);
}

/// Returns patients with samples in several splits.
std::vector<std::string> shared_patients(const Dataset& dataset) {
    std::map<std::string, Split> first;
    std::set<std::string> shared;
    for (const Split split : kSplits)
        for (const Sample& sample : dataset.samples(split))
            if (!sample.patient.empty() && first.emplace(sample.patient, split).first->second != split)
                shared.insert(sample.patient);
    return {shared.begin(), shared.end()};
}

/// Returns the labels of which `holds` is true.
template <class Holds>
std::vector<std::string> labels_where(const Dataset& dataset, const Holds& holds) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < dataset.label_names().size(); ++i)
        if (holds(i)) names.push_back(dataset.label_names()[i]);
    return names;
}

/// What the labels of a split do not show or tell.
void describe_labels(const Dataset& dataset, Split split, const SplitCounts& counts, std::vector<Remark>& remarks) {
    if (counts.samples == 0) return;
    const auto absent = labels_where(dataset, [&](std::size_t i) { return counts.per_label[i] == 0; });
    if (!absent.empty())
        remarks.push_back({true, fmt::format("{}: no sample shows {}", split_name(split), some_of(absent))});
    const auto unknown = labels_where(dataset, [&](std::size_t i) { return counts.unknown[i] > 0; });
    if (!unknown.empty())
        remarks.push_back({false, fmt::format("{}: not known of every sample: {}; loss and scores leave those out",
                                              split_name(split), some_of(unknown))});
}

}  // namespace

std::vector<Remark> describe(const Dataset& dataset) {
    std::vector<Remark> remarks;
    for (const Split split : kSplits) remarks.push_back({false, split_text(dataset, split)});
    for (const Remark& remark : dataset.remarks()) remarks.push_back(remark);
    const auto add = [&](const std::vector<std::string>& names, const char* what) {
        if (!names.empty()) remarks.push_back({true, fmt::format("{} {}: {}", names.size(), what, some_of(names))});
    };
    add(dataset.missing(), "rows of the label file have no image and are not used");
    add(dataset.unlabelled(), "images have no row in the label file and are not used");
    add(dataset.unlisted(), "labelled images are in none of the official lists and are not used");
    add(shared_patients(dataset), "patients have images in several splits: scores are too good by them");
    const auto counts = count_labels(dataset);
    for (const Split split : kSplits) describe_labels(dataset, split, counts[static_cast<std::size_t>(split)], remarks);
    return remarks;
}

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
