#include "data/inspect/info.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <unordered_set>
#include <utility>

#include <fmt/core.h>

#include "data/sources/sources.h"
#include "engine/text.h"

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

/// True where a loss has nothing to go by.
bool is_unused(const Sample& sample, Task task, std::size_t labels) {
    if (task == Task::classes) return sample.label == kUnknownClass;
    for (std::size_t i = 0; i < labels; ++i)
        if (sample.is_known(i) || (i < sample.soft.size() && sample.soft[i] != kNoSoftTarget)) return false;
    return labels > 0;
}

/// Says so where the share of a split was asked for, but the data bring the split.
void describe_idle(const Dataset& dataset, Split split, std::vector<Remark>& remarks) {
    const std::string& origin = dataset.origin(split);
    if (origin.find(" % of ") != std::string::npos) return;
    remarks.push_back({true,
                       fmt::format("--{}-fraction has no effect: the split is {}", split_name(split),
                                   origin.empty() ? "as the data bring it, or do not" : origin),
                       split});
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

/// "class A has" or "classes A, B have".
std::string classes_have(const std::vector<std::string>& names) {
    return fmt::format("{} {} {}", names.size() == 1 ? "class" : "classes", some_of(names),
                       names.size() == 1 ? "has" : "have");
}

/// What a split does not show of the labels; empty where it shows all.
std::string absent_text(const Dataset& dataset, Split split, const std::vector<std::string>& absent) {
    if (absent.empty()) return "";
    if (dataset.task() == Task::labels)
        return fmt::format("{}: no sample shows {}", split_name(split), some_of(absent));
    return split == Split::train
               ? fmt::format("{} no training samples: outputs of the network that nothing trains", classes_have(absent))
               : fmt::format("{}: {} no samples", split_name(split), classes_have(absent));
}

/// What the labels of a split do not show or tell.
void describe_labels(const Dataset& dataset, Split split, const SplitCounts& counts, std::vector<Remark>& remarks) {
    if (counts.samples == 0) return;
    const auto absent = labels_where(dataset, [&](std::size_t i) { return counts.per_label[i] == 0; });
    if (std::string text = absent_text(dataset, split, absent); !text.empty())
        remarks.push_back({true, std::move(text), split});
    const auto present = labels_where(dataset, [&](std::size_t i) { return counts.per_label[i] > 0; });
    if (split == Split::train && dataset.task() == Task::classes && present.size() == 1)
        remarks.push_back(
            {true,
             fmt::format("class {} alone has training samples: there is nothing to tell it from", excerpt(present[0])),
             split});
    const auto unknown = labels_where(dataset, [&](std::size_t i) { return counts.unknown[i] > 0; });
    if (!unknown.empty())
        remarks.push_back({false,
                           fmt::format("{}: not known of every sample: {}; loss and scores leave those out",
                                       split_name(split), some_of(unknown)),
                           split});
}

}  // namespace

std::string split_line(Split split, const SplitCounts& counts, const std::string& origin) {
    std::string line = fmt::format("{}: {} samples", split_name(split), counts.samples);
    if (counts.patients > 0) line += fmt::format(" of {} patients", counts.patients);
    if (!origin.empty()) line += ", " + origin;
    if (counts.unused > 0) line += fmt::format("; nothing is known of {}, which are not used", counts.unused);
    return line;
}

std::vector<Remark> describe(const Dataset& dataset, const DatasetOptions& options) {
    std::vector<Remark> remarks;
    const auto counts = count_labels(dataset);
    for (const Split split : kSplits)
        remarks.push_back(
            {false, split_line(split, counts[static_cast<std::size_t>(split)], dataset.origin(split)), split});
    const DatasetOptions usual;
    if (options.val_fraction != usual.val_fraction) describe_idle(dataset, Split::val, remarks);
    if (options.test_fraction != usual.test_fraction) describe_idle(dataset, Split::test, remarks);
    for (const Remark& remark : dataset.remarks()) remarks.push_back(remark);
    const auto add = [&](const std::vector<std::string>& names, const char* what) {
        if (!names.empty()) remarks.push_back({true, fmt::format("{} {}: {}", names.size(), what, some_of(names))});
    };
    add(dataset.missing(), "rows of the label file have no image (no picture file is there) and are not used");
    add(dataset.unlabelled(), "images have no row in the label file and are not used");
    add(dataset.unlisted(), "labelled images are in none of the official lists and are not used");
    add(shared_patients(dataset), "patients have images in several splits: scores are too good by them");
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
        std::unordered_set<std::string_view> patients;
        for (const Sample& sample : dataset.samples(split)) {
            if (!sample.patient.empty()) patients.insert(sample.patient);
            counts.unused += is_unused(sample, dataset.task(), labels);
            if (dataset.task() == Task::labels)
                add(sample, counts);
            else if (sample.label != kUnknownClass)
                ++counts.per_label[static_cast<std::size_t>(sample.label)];
            else
                for (std::int64_t& unknown : counts.unknown) ++unknown;
        }
        counts.patients = std::ssize(patients);
    }
    return result;
}

}  // namespace keel
