#include "data/inspect/check.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>

#include <fmt/core.h>
#include <xxhash.h>

#include "data/inspect/brightness.h"
#include "data/inspect/info.h"
#include "data/pipeline/ordered.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr const char* kNames[kFindingKinds] = {
    "truncated",  "too_large",  "unreadable", "missing_image", "patient_across", "duplicate_across", "duplicate",
    "other_size", "unlabelled", "unlisted",   "narrow_range",  "not_turned",     "empty_class",      "not_used"};

/// What a reason to refuse an image begins or ends with, where it is one of the two that have names of their own.
constexpr std::pair<std::string_view, FindingKind> kReasons[] = {{"truncated", FindingKind::truncated},
                                                                 {"remature end", FindingKind::truncated},
                                                                 {"ends at byte", FindingKind::truncated},
                                                                 {"in all are allowed", FindingKind::too_large}};

FindingKind kind_of(const std::string& reason) {
    for (const auto& [part, kind] : kReasons)
        if (reason.find(part) != std::string::npos) return kind;
    return FindingKind::unreadable;
}

/// What is kept of an image.
struct Seen {
    Split split = Split::train;
    std::int64_t index = 0;
    int width = 0, height = 0;
    std::pair<std::uint64_t, std::uint64_t>
        hash;  ///< of the pixels; 128 bits, so that other images do not meet by chance
    std::string bad;
    std::string range;    ///< where it is narrow
    int orientation = 1;  ///< that is not applied
};

Seen look(const Dataset& dataset, Split split, std::int64_t index) {
    Seen seen{.split = split, .index = index, .hash = {}, .bad = {}, .range = {}};
    try {
        const Image image = dataset.load(split, index);
        const XXH128_hash_t hash = XXH3_128bits(image.pixels.data(), image.pixels.size());
        seen.hash = {hash.high64, hash.low64};
        seen.width = image.width;
        seen.height = image.height;
        if (const auto range = narrow_range(image)) seen.range = range->text();
        const std::string& file = dataset.samples(split)[static_cast<std::size_t>(index)].file;
        if (!dataset.reading().exif_rotation && !file.empty())
            seen.orientation = orientation_of_file(file, dataset.reading());
    } catch (const StorageError&) {
        throw;  // says nothing about the image
    } catch (const Error& error) {
        seen.bad = error.what();
    }
    return seen;
}

class Checker {
public:
    explicit Checker(const Dataset& dataset) : dataset_(dataset) {}

    CheckReport run(int workers, const std::function<void(std::int64_t, std::int64_t)>& progress) {
        std::int64_t total = 0;
        for (const Split split : kSplits) total += dataset_.size(split);
        for (const Split split : kSplits)
            for_each_in_order<Seen>(
                dataset_.size(split), workers, [&](std::int64_t i) { return look(dataset_, split, i); },
                [&](std::int64_t, Seen& seen) {
                    seen_.push_back(std::move(seen));
                    if (progress) progress(std::ssize(seen_), total);
                });
        report_.images = total;
        find_bad();
        find_sizes();
        find_readings();
        find_duplicates();
        find_patients();
        for (const std::string& name : dataset_.missing()) add(FindingKind::missing_image, "", name, "");
        for (const std::string& name : dataset_.unlabelled()) add(FindingKind::unlabelled, "", name, "");
        for (const std::string& name : dataset_.unlisted()) add(FindingKind::unlisted, "", name, "");
        find_empty_classes();
        for (const Remark& remark : dataset_.remarks())
            if (remark.warning) add(FindingKind::not_used, "", "data", remark.text);
        std::ranges::stable_sort(report_.findings, {}, &Finding::kind);
        return std::move(report_);
    }

private:
    void add(FindingKind kind, std::string split, std::string name, std::string detail) {
        report_.findings.push_back({kind, std::move(split), std::move(name), std::move(detail)});
    }
    const Sample& sample(const Seen& seen) const {
        return dataset_.samples(seen.split)[static_cast<std::size_t>(seen.index)];
    }

    void find_bad() {
        for (const Seen& seen : seen_)
            if (!seen.bad.empty()) add(kind_of(seen.bad), split_name(seen.split), sample(seen).name, seen.bad);
    }

    void find_readings() {
        for (const Seen& seen : seen_) {
            if (!seen.range.empty())
                add(FindingKind::narrow_range, split_name(seen.split), sample(seen).name, seen.range);
            if (seen.orientation != 1)
                add(FindingKind::not_turned, split_name(seen.split), sample(seen).name,
                    fmt::format("EXIF orientation {}, exif_rotation is false", seen.orientation));
        }
    }

    void find_sizes() {
        std::map<std::pair<int, int>, std::int64_t> sizes;
        for (const Seen& seen : seen_)
            if (seen.bad.empty()) ++sizes[{seen.width, seen.height}];
        if (sizes.empty()) return;
        std::tie(report_.width, report_.height) =
            std::ranges::max_element(sizes, {}, [](const auto& entry) { return entry.second; })->first;
        for (const Seen& seen : seen_)
            if (seen.bad.empty() && (seen.width != report_.width || seen.height != report_.height))
                add(FindingKind::other_size, split_name(seen.split), sample(seen).name,
                    fmt::format("{} x {}, most have {} x {}", seen.width, seen.height, report_.width, report_.height));
    }

    void find_empty_classes() {
        if (dataset_.task() != Task::classes || dataset_.size(Split::train) == 0) return;
        const SplitCounts counts = count_labels(dataset_)[static_cast<std::size_t>(Split::train)];
        for (std::size_t i = 0; i < counts.per_label.size(); ++i)
            if (counts.per_label[i] == 0)
                add(FindingKind::empty_class, split_name(Split::train), dataset_.label_names()[i], "");
    }

    /// Each image is compared with those before it; of several the first of another split is named, else the first.
    void find_duplicates() {
        std::map<std::tuple<std::uint64_t, std::uint64_t, int, int>, std::vector<const Seen*>> groups;
        for (const Seen& seen : seen_) {
            if (!seen.bad.empty()) continue;
            auto& group = groups[{seen.hash.first, seen.hash.second, seen.width, seen.height}];
            const auto other =
                std::ranges::find_if(group, [&](const Seen* before) { return before->split != seen.split; });
            if (!group.empty()) {
                const Seen& before = other != group.end() ? **other : *group.front();
                add(other != group.end() ? FindingKind::duplicate_across : FindingKind::duplicate,
                    split_name(seen.split), sample(seen).name,
                    fmt::format("the same pixels as {} of {}", sample(before).name, split_name(before.split)));
            }
            group.push_back(&seen);
        }
    }

    void find_patients() {
        std::map<std::string, std::array<std::int64_t, 3>> patients;
        for (const Split split : kSplits)
            for (const Sample& s : dataset_.samples(split))
                if (!s.patient.empty()) ++patients[s.patient][static_cast<std::size_t>(split)];
        for (const auto& [patient, counts] : patients) {
            std::string splits, detail;
            for (const Split split : kSplits) {
                const std::int64_t count = counts[static_cast<std::size_t>(split)];
                if (count == 0) continue;
                splits += fmt::format("{}{}", splits.empty() ? "" : "+", split_name(split));
                detail += fmt::format("{}{} of {}", detail.empty() ? "" : ", ", count, split_name(split));
            }
            if (splits.find('+') != std::string::npos) add(FindingKind::patient_across, splits, patient, detail);
        }
    }

    const Dataset& dataset_;
    std::vector<Seen> seen_;
    CheckReport report_;
};

}  // namespace

const char* finding_name(FindingKind kind) { return kNames[static_cast<std::size_t>(kind)]; }

bool is_error(FindingKind kind) { return kind <= FindingKind::patient_across; }

std::int64_t CheckReport::count(FindingKind kind) const { return std::ranges::count(findings, kind, &Finding::kind); }

bool CheckReport::good() const {
    return std::ranges::none_of(findings, [](const Finding& finding) { return is_error(finding.kind); });
}

CheckReport check_dataset(const Dataset& dataset, int workers,
                          const std::function<void(std::int64_t, std::int64_t)>& progress) {
    if (workers < 1 || workers > 1024) throw UsageError("[check] workers must be within [1, 1024]");
    return Checker(dataset).run(workers, progress);
}

}  // namespace keel
