#include "train/config_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "engine/files.h"
#include "engine/text.h"
#include "engine/toml.h"
#include "kernels/error.h"

namespace keel {
namespace {

using Row = Option<TrainConfig>;

constexpr std::uint64_t kFileLimit = 1 << 20;  // bytes; a configuration has a few thousand

/// The first line of what to_toml() writes.
constexpr std::string_view kResolvedHead = "# The resolved configuration of a keel train run.";

/// The key of a table that stands for a text that is not UTF-8, as paths may be, which TOML's texts are.
constexpr std::string_view kBytes = "bytes";

/// A value as its source gave it, before it meets the member that it is for. A list is one of numbers; a whole one
/// stays whole, of which a double would lose digits.
using Number = std::variant<std::int64_t, double>;
using Numbers = std::vector<Number>;
using Value = std::variant<bool, std::int64_t, double, std::string, Numbers>;

template <class T>
constexpr bool kIsList = false;
template <class T>
constexpr bool kIsList<std::vector<T>> = true;

/// What a message calls the values that a member of type T takes.
template <class T>
std::string wanted(const Row& option) {
    if (const Words* words = std::get_if<Words>(&option.allowed)) return fmt::format("{}", fmt::join(*words, ", "));
    if constexpr (std::is_same_v<T, bool>) return "true or false";
    if constexpr (std::is_same_v<T, std::string>) return "a text";
    std::string text = "a number";
    if constexpr (std::is_integral_v<T>) text = "a whole number";
    if constexpr (kIsList<T>) {
        text = std::is_integral_v<typename T::value_type> ? "a list of whole numbers" : "a list of numbers";
        if (!option.when_empty.empty()) text = fmt::format("'{}' or {}", option.when_empty, text);
    }
    const NumberRange* range = std::get_if<NumberRange>(&option.allowed);
    return range == nullptr || std::isinf(range->low) ? text : text + " " + range->text();
}

std::string text_of(const Value& value) {
    return std::visit(
        [](const auto& v) {
            using V = std::decay_t<decltype(v)>;
            if constexpr (std::is_same_v<V, Numbers>) {
                std::vector<std::string> texts;
                for (const Number& number : v)
                    texts.push_back(std::visit([](auto each) { return fmt::format("{}", each); }, number));
                return fmt::format("[{}]", fmt::join(texts, ", "));
            }
            if constexpr (std::is_same_v<V, std::string>) return fmt::format("'{}'", v);
            if constexpr (!std::is_same_v<V, Numbers> && !std::is_same_v<V, std::string>) return fmt::format("{}", v);
        },
        value);
}

/// Puts a number into `to`; false if it is out of range, or no whole number where T is one.
template <class T>
bool put_number(T& to, std::int64_t number, const Row& option) {
    const NumberRange* range = std::get_if<NumberRange>(&option.allowed);
    if (range == nullptr || !range->holds(static_cast<double>(number))) return false;
    if constexpr (std::is_integral_v<T>) {
        if (!std::in_range<T>(number)) return false;
    }
    to = static_cast<T>(number);
    return true;
}

template <class T>
bool put_number(T& to, double number, const Row& option) {
    if constexpr (std::is_integral_v<T>) {
        // 2^53: from there on a double no longer tells neighbouring whole numbers apart; 2^53 + 1 is read as it.
        if (number != std::floor(number) || std::abs(number) >= 0x1p53) return false;
        return put_number(to, static_cast<std::int64_t>(number), option);
    } else {
        const NumberRange* range = std::get_if<NumberRange>(&option.allowed);
        if (range == nullptr || !range->holds(number)) return false;
        to = static_cast<T>(number) + T{0};            // -0 would be written as the whole number -0 and come back as 0
        return range->holds(static_cast<double>(to));  // a float may round to 0, or to what is excluded
    }
}

/// Puts `value` into `to`; false where it is not what wanted<T>() says.
template <class T>
bool put(T& to, const Value& value, const Row& option) {
    if constexpr (std::is_same_v<T, bool>) {
        const bool* truth = std::get_if<bool>(&value);
        if (truth != nullptr) to = *truth;
        return truth != nullptr;
    } else if constexpr (std::is_same_v<T, std::string>) {
        const std::string* text = std::get_if<std::string>(&value);
        const Words* words = std::get_if<Words>(&option.allowed);
        if (text == nullptr || (words != nullptr && std::find(words->begin(), words->end(), *text) == words->end()))
            return false;
        to = *text;
        return true;
    } else if constexpr (kIsList<T>) {
        T list;
        if (const std::string* text = std::get_if<std::string>(&value)) {
            if (*text != option.when_empty) return false;
        } else {
            Numbers numbers;
            if (const auto* several = std::get_if<Numbers>(&value)) numbers = *several;
            if (const auto* whole = std::get_if<std::int64_t>(&value)) numbers.emplace_back(*whole);
            if (const auto* real = std::get_if<double>(&value)) numbers.emplace_back(*real);
            if (std::holds_alternative<bool>(value)) return false;
            for (const Number& number : numbers) {
                auto& to_fill = list.emplace_back();
                if (!std::visit([&](auto each) { return put_number(to_fill, each, option); }, number)) return false;
            }
        }
        to = std::move(list);
        return true;
    } else {
        if (const auto* whole = std::get_if<std::int64_t>(&value)) return put_number(to, *whole, option);
        const auto* real = std::get_if<double>(&value);
        return real != nullptr && put_number(to, *real, option);
    }
}

void assign(TrainConfig& config, const Row& option, const Value& value, const std::string& origin) {
    std::visit(
        [&](auto member) {
            using T = std::decay_t<decltype(config.*member)>;
            if (put(config.*member, value, option)) return;
            std::string hint;
            if (const Words* words = std::get_if<Words>(&option.allowed);
                words != nullptr && std::holds_alternative<std::string>(value))
                hint = suggestion(std::get<std::string>(value), {words->begin(), words->end()});
            throw UsageError(fmt::format("[config] {}: {} must be {}, not {}{}", origin, option.key, wanted<T>(option),
                                         text_of(value), hint));
        },
        option.member);
}

const Row& find_option(std::string_view key, const std::string& origin) {
    std::vector<std::string> keys;
    for (const Row& option : train_options()) {
        if (option.key == key) return option;
        keys.emplace_back(option.key);
    }
    throw UsageError(fmt::format("[config] {}: unknown key '{}'{}", origin, key, suggestion(key, keys)));
}

/// A number where all of `text` is one, else the text.
Value number_or_text(const std::string& text) {
    const char *begin = text.data(), *end = begin + text.size();
    std::int64_t whole = 0;
    if (const auto [at, error] = std::from_chars(begin, end, whole); error == std::errc() && at == end) return whole;
    double real = 0.0;
    if (const auto [at, error] = std::from_chars(begin, end, real); error == std::errc() && at == end) return real;
    return text;
}

/// Reads `text` as what `option` holds, as far as it can be; assign() refuses the rest.
Value value_of_text(const Row& option, const std::string& text) {
    if (std::holds_alternative<std::string TrainConfig::*>(option.member)) return text;
    if (text == "true" || text == "false") return text == "true";
    if (text.find(',') == std::string::npos) return number_or_text(text);
    Numbers numbers;
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, ',');) {
        const Value number = number_or_text(part);
        if (std::holds_alternative<std::string>(number)) return text;
        if (const auto* whole = std::get_if<std::int64_t>(&number))
            numbers.emplace_back(*whole);
        else
            numbers.emplace_back(std::get<double>(number));
    }
    return numbers;
}

/// The value of a TOML node; other tables than of bytes, dates and lists of anything but numbers become a text that no
/// member takes.
Value value_of_node(const toml::node& node) {
    if (const auto* truth = node.as_boolean()) return truth->get();
    if (const auto* whole = node.as_integer()) return whole->get();
    if (const auto* real = node.as_floating_point()) return real->get();
    if (const auto* text = node.as_string()) return text->get();
    if (const auto* list = node.as_array()) {
        Numbers numbers;
        for (const toml::node& item : *list) {
            if (!item.is_number()) return std::string("a list with other things than numbers");
            if (const auto* whole = item.as_integer())
                numbers.emplace_back(whole->get());
            else
                numbers.emplace_back(item.as_floating_point()->get());
        }
        return numbers;
    }
    if (const auto* table = node.as_table()) {
        const auto* bytes = table->size() == 1 ? table->get_as<std::string>(kBytes) : nullptr;
        return bytes != nullptr ? percent_decoded(bytes->get()) : std::string("a table");
    }
    return std::string("a date or time");
}

/// Throws UsageError where a program has set a value that a text could not.
void check_range(const TrainConfig& config, const Row& option) {
    std::visit(
        [&](auto member) {
            auto value = config.*member;
            using T = decltype(value);
            Value given;
            if constexpr (kIsList<T>)
                given = Numbers(value.begin(), value.end());
            else if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>)
                given = static_cast<std::int64_t>(value);
            else
                given = value;
            if (!put(value, given, option))
                throw UsageError(
                    fmt::format("[config] {} must be {}, not {}", option.key, wanted<T>(option), text_of(given)));
        },
        option.member);
}

}  // namespace

std::string option_text(const TrainConfig& config, const Option<TrainConfig>& option) {
    return std::visit(
        [&](auto member) -> std::string {
            const auto& value = config.*member;
            using T = std::decay_t<decltype(value)>;
            if constexpr (std::is_same_v<T, std::string>) {
                if (!is_utf8(value)) return fmt::format("{{ {} = \"{}\" }}", kBytes, percent_encoded(value));
                std::ostringstream text;
                text << toml::value<std::string>(value);
                return text.str();
            } else if constexpr (kIsList<T>) {
                return fmt::format("[{}]", fmt::join(value, ", "));
            } else {
                return fmt::format("{}", value);
            }
        },
        option.member);
}

TomlSource read_toml(const std::filesystem::path& file) { return {read_file(file, kFileLimit), file.string()}; }

void apply_toml(TrainConfig& config, std::string_view text, const std::string& origin) {
    const auto at_line = [&](const toml::source_region& where) {
        return fmt::format("{}:{}", origin, where.begin.line);
    };
    toml::table table;
    try {
        table = parse_toml(text, origin);
    } catch (const toml::parse_error& error) {
        throw UsageError(fmt::format("[config] {}: {}", at_line(error.source()), error.description()));
    }
    // A run that was made before there was a rule goes on with the splits that it had, and with images read as they
    // were.
    const bool resolved = text.starts_with(kResolvedHead);
    if (resolved && !table.contains("split_rule")) config.split_rule = "old";
    if (resolved && !table.contains("exif_rotation")) static_cast<ImageReading&>(config) = old_reading();
    for (const auto& [key, node] : table) {
        const std::string where = at_line(key.source());
        assign(config, find_option(key.str(), where), value_of_node(node), where);
    }
}

void apply_text(TrainConfig& config, const std::string& key, const std::string& text, const std::string& origin) {
    const Row& option = find_option(key, origin);
    assign(config, option, value_of_text(option, text), origin);
}

void apply_assignment(TrainConfig& config, const std::string& assignment, const std::string& origin) {
    const std::size_t equals = assignment.find('=');
    if (equals == std::string::npos)
        throw UsageError(fmt::format("[config] {}: wanted KEY=VALUE, not '{}'", origin, assignment));
    apply_text(config, assignment.substr(0, equals), assignment.substr(equals + 1), origin);
}

void check_train_config(const TrainConfig& config) {
    for (const Row& option : train_options()) check_range(config, option);
    check_reading(config);
    if (config.image_size > 0 && config.image_size < 8)
        throw UsageError(
            fmt::format("[config] image_size must be 0 or a whole number 8 to 4096, not {}", config.image_size));
    if (config.schedule == "step" && config.step_epochs == 0 && config.milestones.empty())
        throw UsageError("[config] schedule step wants step_epochs or milestones, neither came");
    for (std::size_t i = 1; i < config.milestones.size(); ++i)
        if (config.milestones[i] <= config.milestones[i - 1])
            throw UsageError(fmt::format("[config] milestones must rise, {} came after {}", config.milestones[i],
                                         config.milestones[i - 1]));
    if (config.nesterov && config.optimizer == "sgd" && config.momentum == 0.0)
        throw UsageError("[config] nesterov wants momentum above 0, not 0");
    if (config.min_lr > config.lr)
        throw UsageError(fmt::format("[config] min_lr must be at most lr = {}, not {}", config.lr, config.min_lr));
}

std::vector<std::string> changes_that_matter(const TrainConfig& before, const TrainConfig& now) {
    std::vector<std::string> changes;
    for (const Row& option : train_options()) {
        const std::string was = option_text(before, option), is = option_text(now, option);
        if (was != is && !may_change_on_resume(option.key))
            changes.push_back(fmt::format("{} was {}, is {}", option.key, was, is));
    }
    return changes;
}

std::string to_toml(const TrainConfig& config) {
    std::string text(kResolvedHead);
    text += '\n';
    for (const Row& option : train_options()) text += fmt::format("{} = {}\n", option.key, option_text(config, option));
    return text;
}

std::string shared_toml(const TrainConfig& config) {
    TrainConfig common = config;
    common.threads = common.workers = common.prefetch = 0;
    return to_toml(common);
}

}  // namespace keel
