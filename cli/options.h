// How commands declare their options. CLI11, which parses them, is costly to compile: app.cpp, help.cpp, options.cpp
// and train_options.cpp alone include it.
#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "train/option.h"

namespace CLI {
class App;
}

namespace keel::cli {

enum class Need { optional, required };

/// Declares an option without a value. Names of options begin with "--"; one that does not is a positional argument.
void add_flag(CLI::App& app, const std::string& name, bool& value, const std::string& help);

/// Declares an option that takes a text, which the help calls `kind`: "FILE". The help shows a default that is not
/// empty.
void add_text(CLI::App& app, const std::string& name, std::string& value, const std::string& kind,
              const std::string& help, Need need = Need::optional);

/// Declares an option that takes one of some words.
void add_choice(CLI::App& app, const std::string& name, std::string& value, const Words& choices,
                const std::string& help);

/// How an option takes several values: after one another, or
struct ListForm {
    bool commas = false;    ///< in one word, with commas between them
    bool one_each = false;  ///< each after the option's name again
    int least = 0;          ///< of them; above 0 the option is required
    int most = std::numeric_limits<int>::max();
};
void add_list(CLI::App& app, const std::string& name, std::vector<std::string>& values, const std::string& kind,
              const ListForm& form, const std::string& help);
void add_list(CLI::App& app, const std::string& name, std::vector<int>& values, const std::string& kind,
              const ListForm& form, const std::string& help);

/// Declares an option that takes a number of `range`; the help names range and default. T: int, std::int64_t,
/// std::uint64_t or double.
template <class T>
void add_number(CLI::App& app, const std::string& name, T& value, const NumberRange& range, const std::string& help);

/// The same without a default; `help` says what stands for none. T: std::uint64_t or double.
template <class T>
void add_number(CLI::App& app, const std::string& name, std::optional<T>& value, const NumberRange& range,
                const std::string& help);

/// Returns a check for CLI::Option::check: a number of `range`, of 64 bits with sign where `whole`. CLI11 alone reads
/// -1 as the largest unsigned number and takes NaN for any.
std::function<std::string(const std::string&)> number(const NumberRange& range, bool whole);

}  // namespace keel::cli
