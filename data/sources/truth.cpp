#include "data/sources/truth.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/core.h>
#include <xxhash.h>

#include "data/formats/csv.h"
#include "data/sources/vocabulary.h"
#include "engine/text.h"
#include "kernels/error.h"
#include "kernels/random.h"

namespace keel {
namespace {

constexpr std::uint64_t kSmoothing = 1;  // among the draws of a split; hold_out() has 0

constexpr std::pair<std::string_view, Truth> kTruthWords[] = {
    {"", Truth::blank},
    {"nan", Truth::blank},
    {"na", Truth::blank},
    {"none", Truth::blank},
    {"true", Truth::present},
    {"t", Truth::present},
    {"yes", Truth::present},
    {"y", Truth::present},
    {"positive", Truth::present},
    {"present", Truth::present},
    {"false", Truth::absent},
    {"f", Truth::absent},
    {"no", Truth::absent},
    {"n", Truth::absent},
    {"negative", Truth::absent},
    {"absent", Truth::absent},
    {"uncertain", Truth::uncertain},
    {"u", Truth::uncertain},
    {"unlabeled", Truth::blank},
};

}  // namespace

std::optional<Truth> parse_truth(std::string_view cell) {
    cell = trimmed(cell);
    if (cell.starts_with('+')) cell.remove_prefix(1);
    double number = 0;
    const char* const end = cell.data() + cell.size();
    const auto [at, error] = std::from_chars(cell.data(), end, number);
    if (error == std::errc() && at == end && number == number) {
        if (number == 1) return Truth::present;
        if (number == 0) return Truth::absent;
        return number == -1 ? std::optional(Truth::uncertain) : std::nullopt;
    }
    const std::string lower = lower_case(cell);
    const auto* const word =
        std::ranges::find(kTruthWords, std::string_view(lower), &std::pair<std::string_view, Truth>::first);
    return word == std::end(kTruthWords) ? std::nullopt : std::optional(word->second);
}

UncertainRule::Rule UncertainRule::parse(const std::string& word) {
    constexpr std::pair<std::string_view, Kind> kKinds[] = {
        {"ignore", Kind::ignore}, {"zeros", Kind::zeros}, {"ones", Kind::ones}};
    for (const auto& [name, kind] : kKinds)
        if (word == name) return {.kind = kind};
    Rule rule{.kind = Kind::smooth};
    constexpr std::string_view kSmooth = "smooth:";
    if (word.starts_with(kSmooth)) {
        const char* const end = word.data() + word.size();
        const auto low = std::from_chars(word.data() + kSmooth.size(), end, rule.low);
        if (low.ec == std::errc() && low.ptr != end && *low.ptr == '-') {
            const auto high = std::from_chars(low.ptr + 1, end, rule.high);
            if (high.ec == std::errc() && high.ptr == end && rule.low >= 0 && rule.low <= rule.high && rule.high <= 1)
                return rule;
        }
    }
    throw UsageError(fmt::format(
        "[data] uncertain: wanted ignore, zeros, ones or smooth:a-b with 0 <= a <= b <= 1, got '{}'", excerpt(word)));
}

UncertainRule::UncertainRule(const std::string& text, std::span<const std::string> labels, std::uint64_t seed)
    : labels_(labels.begin(), labels.end()), seed_(seed) {
    Rule others;
    std::vector<std::optional<Rule>> named(labels_.size());
    for (const std::string& part : split_text(text, ',')) {
        const std::size_t equals = part.rfind('=');
        const Rule rule = parse(std::string(trimmed(equals == std::string::npos ? part : part.substr(equals + 1))));
        if (equals == std::string::npos) {
            others = rule;
            continue;
        }
        const std::string label(trimmed(part.substr(0, equals)));
        const auto found =
            std::ranges::find_if(labels_, [&](const std::string& known) { return same_finding(known, label); });
        if (found == labels_.end())
            throw UsageError(fmt::format("[data] uncertain: the data has no label '{}'{}", excerpt(label),
                                         suggestion(label, labels_)));
        named[static_cast<std::size_t>(found - labels_.begin())] = rule;
    }
    for (const auto& rule : named) rules_.push_back(rule.value_or(others));
}

void UncertainRule::apply(Sample& sample, std::size_t label) const {
    const Rule& rule = rules_[label];
    const std::uint64_t bit = std::uint64_t{1} << label;
    if (rule.kind == Kind::ones) sample.mask |= bit;
    if (rule.kind == Kind::ones || rule.kind == Kind::zeros) return;
    sample.known &= ~bit;
    if (rule.kind == Kind::ignore) return;
    const std::string key = sample.name + '\n' + labels_[label];
    Random random(seed_, Draw::split, kSmoothing, XXH3_64bits(key.data(), key.size()));
    if (sample.soft.empty()) sample.soft.assign(labels_.size(), kNoSoftTarget);
    sample.soft[label] = random.uniform(rule.low, rule.high);
}

std::string UncertainRule::text(std::size_t label) const {
    const Rule& rule = rules_[label];
    if (rule.kind == Kind::ones) return "taken as present";
    if (rule.kind == Kind::zeros) return "taken as absent";
    if (rule.kind == Kind::ignore) return "left out of loss and scores";
    return fmt::format("smoothed to {:g} to {:g} for the loss and left out of scores", rule.low, rule.high);
}

}  // namespace keel
