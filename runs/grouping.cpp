#include "runs/grouping.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr std::size_t kMostGroups = 50, kMostUsual = 8;
constexpr double kUsualWidth = 20;

std::optional<double> number_of(const std::string& text) {
    double value = 0;
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || at != end || !std::isfinite(value)) return std::nullopt;
    return value;
}

/// A group's place among the others: unknown last, numbers in their order, then by name.
struct Key {
    bool unknown;
    double number;
    std::string name;

    bool operator<(const Key& other) const {
        return std::tie(unknown, number, name) < std::tie(other.unknown, other.number, other.name);
    }
};

Key key_of(const std::string& value, const GroupBy& by, std::int64_t& no_numbers) {
    const Key unknown{true, 0, kUnknownGroup};
    if (value.empty() || value == kUnknownGroup) return unknown;
    if (by.width <= 0) return {false, number_of(value).value_or(0), value};
    const auto number = number_of(value);
    if (!number) {
        ++no_numbers;
        return unknown;
    }
    const double begin = by.width * std::floor(*number / by.width);
    return {false, begin, fmt::format("[{:g}, {:g})", begin, begin + by.width)};
}

}  // namespace

GroupBy parse_group_by(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    GroupBy by{text.substr(0, colon)};
    if (by.attribute.empty()) throw UsageError(fmt::format("[subgroups] '{}' names no attribute", excerpt(text)));
    if (colon == std::string::npos) return by;
    const auto width = number_of(text.substr(colon + 1));
    if (!width || *width <= 0)
        throw UsageError(
            fmt::format("[subgroups] '{}': wanted a width above 0 after the colon, as in age:20", excerpt(text)));
    by.width = *width;
    return by;
}

Grouping group_samples(const std::vector<std::string>& names, const std::vector<std::string>& attributes,
                       const GroupBy& by) {
    const auto found = std::ranges::find(names, by.attribute);
    if (found == names.end())
        throw UsageError(names.empty()
                             ? fmt::format("[subgroups] the data say nothing of '{}', nor of any other attribute",
                                           excerpt(by.attribute))
                             : fmt::format("[subgroups] the data say nothing of '{}'{}; they tell {}",
                                           excerpt(by.attribute), suggestion(by.attribute, names),
                                           fmt::join(names, ", ")));
    const auto column = static_cast<std::size_t>(found - names.begin());
    std::map<Key, std::vector<std::size_t>> groups;
    Grouping grouping;
    for (std::size_t i = 0; i * names.size() < attributes.size(); ++i) {
        groups[key_of(attributes[i * names.size() + column], by, grouping.no_numbers)].push_back(i);
        if (groups.size() > kMostGroups + 1)
            throw UsageError(
                fmt::format("[subgroups] {} makes more than {} groups; wider ranges are wanted, as in {}:{:g}",
                            by.attribute, kMostGroups, by.attribute, by.width > 0 ? 10 * by.width : kUsualWidth));
    }
    for (auto& [key, members] : groups) {
        grouping.names.push_back(key.name);
        grouping.members.push_back(std::move(members));
    }
    return grouping;
}

std::vector<GroupBy> usual_groups(const SubgroupInput& input) {
    std::vector<GroupBy> usual;
    const std::size_t count = input.attribute_names.size();
    for (std::size_t k = 0; k < count; ++k) {
        std::set<std::string> values;
        bool numbers = true;
        for (std::size_t i = k; i < input.attributes.size(); i += count) {
            const std::string& value = input.attributes[i];
            if (value.empty()) continue;
            values.insert(value);
            numbers = numbers && number_of(value);
        }
        if (values.size() < 2 || (values.size() > kMostUsual && !numbers)) continue;
        GroupBy by{input.attribute_names[k], values.size() > kMostUsual ? kUsualWidth : 0};
        if (by.width > 0) {
            const auto number = [](const std::string& text) { return *number_of(text); };
            const auto [low, high] = std::ranges::minmax(values, {}, number);
            if ((number(high) - number(low)) / by.width > static_cast<double>(kMostGroups) - 2) continue;
        }
        usual.push_back(by);
    }
    return usual;
}

}  // namespace keel
