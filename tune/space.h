// What a search may choose: options of keel train, or parameters of the program's own that searches, each with a range
// or a list of values, some of them only where others have certain values.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "train/train_config.h"

namespace keel::tune {

/// The parameter is there only where another one, a choice, has one of some values.
struct Condition {
    std::size_t parent = 0;           ///< index of a parameter that comes before
    std::vector<std::size_t> values;  ///< indices of its choices

    bool operator==(const Condition&) const = default;
};

struct Parameter {
    std::string key{};                   ///< of train_options(), unless it is the program's own
    std::vector<std::string> choices{};  ///< texts as --set has them; empty: a number from low to high
    double low = 0, high = 0;
    bool logarithmic = false;  ///< drawn evenly by its logarithm
    bool whole = false;
    bool own = false;               ///< of the program that searches: no option, which apply() leaves alone
    std::vector<Condition> when{};  ///< all of them must hold; empty: always there

    bool is_choice() const { return !choices.empty(); }
    bool operator==(const Parameter&) const = default;
};

/// Parents come before the parameters that depend on them, else in the order of keys.
struct Space {
    std::vector<Parameter> parameters;

    bool operator==(const Space&) const = default;
};

/// A value for each parameter: a number, the index of a choice, or NaN where the parameter is not there.
using Point = std::vector<double>;

/// Returns whether parameter `index` is there, by the values of the parameters before it.
bool is_active(const Space& space, const Point& point, std::size_t index);

/// Returns whether a value is one that a parameter may have.
bool may_have(const Parameter& parameter, double value);

/// Returns whether each value is one that its parameter may have, and is there exactly where it should be.
bool holds(const Space& space, const Point& point);

/// Returns whether two points are the same trial.
bool same(const Point& a, const Point& b);

/// Returns a value as --set has it: "0.001", "adamw"; empty for NaN.
std::string value_text(const Parameter& parameter, double value);

/// Returns the values of the parameters that are there, by key.
std::map<std::string, std::string> value_texts(const Space& space, const Point& point);

/// Sets the options that the point says. Throws UsageError as apply_text() does.
void apply(const Space& space, const Point& point, TrainConfig& config);

/// Reads a TOML text, a row a parameter:
///     lr = { log_uniform = [1e-4, 0.1] }          also uniform, integer, log_integer
///     optimizer = { choice = ["sgd", "adamw"] }
///     momentum = { uniform = [0.8, 0.99], when = { optimizer = "sgd" } }
///     width = { integer = [8, 64], own = true }
/// `origin` is how messages call it; ends of ranges and choices are tried on `base`. Throws UsageError that names the
/// line for what is malformed, no option and not said to be the program's own, of no use to a search, or out of an
/// option's own range.
Space read_space(std::string_view text, const std::string& origin, const TrainConfig& base);

}  // namespace keel::tune
