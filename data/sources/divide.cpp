#include "data/sources/divide.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <numeric>
#include <set>
#include <unordered_map>
#include <utility>

#include <fmt/core.h>

#include "data/sources/dicom_patients.h"
#include "data/sources/name_pattern.h"
#include "data/sources/sources.h"
#include "kernels/error.h"

namespace keel {
namespace {

/// What --group-by is where the files say whose they are.
constexpr const char* kByDicom = "dicom";

/// The samples of a patient, or one; keys of both kinds cannot be equal.
std::string item_of(const Sample& sample) {
    return sample.patient.empty() ? "name " + sample.name : "patient " + sample.patient;
}

using Items = std::map<std::string, std::map<std::int32_t, std::int64_t>>;  // of each item, samples of each class

/// The items of each class.
std::map<std::int32_t, std::vector<std::string>> strata_of(const std::vector<Sample>& samples) {
    Items items;
    for (const Sample& sample : samples) ++items[item_of(sample)][sample.label];
    std::map<std::int32_t, std::vector<std::string>> strata;
    for (const auto& [item, classes] : items) {
        const auto most =
            std::ranges::max_element(classes, {}, [](const auto& entry) { return entry.second; });  // the first of them
        strata[most->first].push_back(item);
    }
    return strata;
}

/// Returns how many of each class's `sizes` are held out, so that all together are round(fraction * all), as far as
/// every class gives one and keeps one. What is left of the whole numbers goes to the largest remainders.
std::vector<std::size_t> quotas(const std::vector<std::size_t>& sizes, double fraction) {
    std::vector<std::size_t> held;
    std::vector<std::pair<double, std::size_t>> remainders;
    const std::size_t all = std::accumulate(sizes.begin(), sizes.end(), std::size_t{0});
    const auto wanted = static_cast<std::size_t>(std::llround(fraction * static_cast<double>(all)));
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        const double share = fraction * static_cast<double>(sizes[i]), whole = std::floor(share);
        const std::size_t most = sizes[i] - std::min<std::size_t>(sizes[i], 1);
        held.push_back(
            sizes[i] < 2 || fraction == 0 ? 0 : std::clamp<std::size_t>(static_cast<std::size_t>(whole), 1, most));
        if (held[i] < most) remainders.emplace_back(share - static_cast<double>(held[i]), i);
    }
    std::ranges::stable_sort(remainders, std::greater<>{}, &std::pair<double, std::size_t>::first);
    std::size_t sum = std::accumulate(held.begin(), held.end(), std::size_t{0});
    for (const auto& [remainder, i] : remainders)
        if (sum < wanted && remainder > 0) ++held[i], ++sum;
    return held;
}

/// Returns the items that go.
std::set<std::string> chosen_items(const std::vector<Sample>& samples, double fraction, std::uint64_t seed) {
    const auto strata = strata_of(samples);
    std::vector<std::size_t> sizes;
    for (const auto& [label, items] : strata) sizes.push_back(items.size());
    const std::vector<std::size_t> held = quotas(sizes, fraction);
    std::set<std::string> chosen;
    std::size_t next = 0;
    for (const auto& [label, items] : strata) {
        const std::vector<std::size_t> order = hold_out_order(items, seed);
        for (std::size_t i = 0; i < held[next]; ++i) chosen.insert(items[order[i]]);
        ++next;
    }
    return chosen;
}

bool is_old(const DatasetOptions& options) { return options.split_rule == "old"; }

bool know_patients(const std::vector<Sample>& samples) {
    return std::ranges::any_of(samples, [](const Sample& sample) { return !sample.patient.empty(); });
}

/// What stands before a file name's first `_` or `-`, if there is a digit in it: "person12" of "NORMAL/person12_1.png".
std::string leading_part(const std::string& name) {
    const std::string file = name.substr(name.rfind('/') + 1);
    const std::size_t end = file.find_first_of("_-");
    if (end == std::string::npos || end == 0) return "";
    const std::string part = file.substr(0, end);
    return part.find_first_of("0123456789") == std::string::npos ? "" : part;
}

}  // namespace

std::vector<bool> hold_out_patients(const std::vector<Sample>& samples, const std::vector<bool>& among, double fraction,
                                    std::uint64_t seed) {
    const auto key = [](const Sample& sample) { return sample.patient.empty() ? sample.name : sample.patient; };
    std::unordered_map<std::string, bool> patients;
    for (std::size_t i = 0; i < samples.size(); ++i)
        if (among[i]) patients.emplace(key(samples[i]), false);
    std::vector<std::string> keys;
    for (const auto& [patient, held] : patients) keys.push_back(patient);
    const std::vector<bool> held = hold_out(keys, fraction, seed);
    for (std::size_t i = 0; i < keys.size(); ++i) patients[keys[i]] = held[i];
    std::vector<bool> marked(samples.size());
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const auto found = patients.find(key(samples[i]));
        marked[i] = found != patients.end() && found->second;
    }
    return marked;
}

void divide(std::vector<Sample>& from, std::vector<Sample>& to, double fraction, const DatasetOptions& options) {
    if (is_old(options)) return split_off(from, to, fraction, options.split_seed);
    const std::set<std::string> chosen = chosen_items(from, fraction, options.split_seed);
    std::vector<Sample> kept;
    for (Sample& sample : from) (chosen.contains(item_of(sample)) ? to : kept).push_back(std::move(sample));
    from = std::move(kept);
}

std::string divided_text(double fraction, const std::string& what, const std::vector<Sample>& samples,
                         const DatasetOptions& options) {
    const std::string text = held_out_text(fraction, what, options.split_seed);
    if (is_old(options)) return text + ", not stratified";
    const bool classes = std::ranges::any_of(samples, [](const Sample& sample) { return sample.label >= 0; });
    return text + (know_patients(samples) ? ", by patient" : "") + (classes ? ", of each class" : "");
}

void name_patients(DatasetContents& contents, const DatasetOptions& options) {
    if (options.group_by.empty()) return;
    std::set<std::string> patients;
    const bool dicom = options.group_by == kByDicom;
    if (dicom) group_by_dicom_patient(contents.splits);
    const std::optional<NamePattern> pattern = dicom ? std::nullopt : std::make_optional<NamePattern>(options.group_by);
    std::vector<std::string> without;
    std::int64_t named = 0;
    for (auto& split : contents.splits)
        for (Sample& sample : split) {
            auto patient = pattern                  ? pattern->first_group(sample.name)
                           : sample.patient.empty() ? std::nullopt
                                                    : std::make_optional(sample.patient);
            if (patient) {
                sample.patient = *std::move(patient);
                patients.insert(sample.patient);
                ++named;
            } else {
                without.push_back(sample.name);
            }
        }
    if (named == 0 && !without.empty())
        throw InputError(fmt::format("[data] --group-by '{}' finds a patient in none of the {} images: {}",
                                     options.group_by, without.size(), some_of(without)));
    contents.remarks.push_back(
        {false, fmt::format("--group-by '{}': {} images of {} patients", options.group_by, named, patients.size())});
    if (!without.empty())
        contents.remarks.push_back(
            {true, fmt::format("{} images do not match --group-by and are taken for a patient each: {}", without.size(),
                               some_of(without))});
}

std::vector<Remark> patient_hint(const std::vector<Sample>& samples) {
    constexpr std::size_t kFewGroups = 5, kLargeGroup = 50;
    std::map<std::string, std::size_t> groups;
    std::size_t named = 0, shared = 0;
    for (const Sample& sample : samples)
        if (const std::string part = leading_part(sample.name); !part.empty()) ++groups[part], ++named;
    for (const auto& [part, count] : groups)
        if (count > 1) shared += count;
    // Nearly all have the form, and enough of them share their beginning, but not with a whole class.
    const bool told = named * 10 >= samples.size() * 9 && shared * 10 >= named && groups.size() >= kFewGroups &&
                      named <= groups.size() * kLargeGroup;
    if (!told) return {};
    const auto example = std::ranges::find_if(groups, [](const auto& group) { return group.second > 1; });
    return {
        {false, fmt::format("the names look as if they told patients ({} images begin with {}): images of one may be "
                            "in several splits; --group-by '([^/_-]+)[_-][^/]*$' keeps them together",
                            example->second, example->first)}};
}

}  // namespace keel
