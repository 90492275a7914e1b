// An option is declared once, as a row of a table: key, member, unit, range and help. From the table come the command
// line's flags (batch_size is --batch-size), the keys of a TOML file and of --set, the checks, the text of a resolved
// config.toml and the help.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace keel {

/// The numbers an option may take: from `low` to `high`, each excluded where it says so. NaN is in no range.
struct NumberRange {
    double low = -std::numeric_limits<double>::infinity();
    double high = std::numeric_limits<double>::infinity();
    bool low_excluded = false, high_excluded = false;

    bool holds(double value) const;
    /// "at least 1", "above 0", "0 to 1", "0 to below 1", ...
    std::string text() const;
};

constexpr NumberRange at_least(double low) { return {.low = low}; }
constexpr NumberRange above(double low) { return {.low = low, .low_excluded = true}; }
constexpr NumberRange from_to(double low, double high) { return {.low = low, .high = high}; }
constexpr NumberRange from_to_below(double low, double high) {
    return {.low = low, .high = high, .high_excluded = true};
}

/// The words an option may be; empty: any text.
using Words = std::vector<std::string_view>;

template <class Config>
struct Option {
    using Member =
        std::variant<bool Config::*, int Config::*, std::int64_t Config::*, std::uint64_t Config::*, double Config::*,
                     std::string Config::*, std::vector<std::int64_t> Config::*, std::vector<float> Config::*>;
    std::string_view key;
    Member member;
    std::string_view unit;  ///< may be empty
    std::variant<std::monostate, NumberRange, Words> allowed;
    std::string_view help;
    std::string_view when_empty =
        "";                 ///< how an empty text or list (a 0, where it stands for something) is called in the help
    bool required = false;  ///< a text that may not be empty
};

/// "--batch-size" of "batch_size".
std::string flag_of(std::string_view key);

}  // namespace keel
