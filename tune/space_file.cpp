// A space as a TOML file has it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <optional>
#include <set>

#include "engine/text.h"
#include "engine/toml.h"
#include "kernels/error.h"
#include "train/config_file.h"
#include "tune/space.h"

namespace keel::tune {
namespace {

constexpr std::size_t kMostParameters = 100, kMostChoices = 1000;
/// Below it a double tells neighbouring whole numbers apart; 2^53 + 1 is read as it.
constexpr double kWholeEnd = 0x1p53;
constexpr std::size_t kLongestOwnKey = 64;  // bytes

/// What a search cannot choose, and why.
struct Barred {
    std::string_view key, why;
};
constexpr Barred kBarred[] = {
    {"data", "scores of different data are not compared"},
    {"out", "each trial has a folder of its own"},
    {"epochs", "how long trials last is the configuration's, and the rungs' below it"},
    {"max_steps", "how long trials last is epochs of the configuration, and the rungs' below it"},
    {"pause_after", "the rungs say where trials pause"},
    {"eval_every", "trials are judged where rungs end"},
    {"time_limit", "the budget says when a search ends"},
    {"threads", "all trials have --threads"},
    {"patience", "the rungs say how long trials last"},
};

/// A number with a point as --set has it. Where a double no longer tells whole numbers apart it keeps its point: an
/// option that wants a whole one refuses it, for nobody knows which it was.
std::string real_text(double value) {
    const std::string text = fmt::format("{}", value);
    const bool looks_whole = text.find_first_not_of("-0123456789") == std::string::npos;
    return looks_whole && std::abs(value) >= kWholeEnd ? text + ".0" : text;
}

using Row = std::pair<std::string, const toml::table*>;

class SpaceReader {
public:
    SpaceReader(const std::string& origin, const TrainConfig& base) : origin_(origin), base_(base) {}

    Space read(const toml::table& table) {
        if (table.empty()) fail(table, "the space has no parameters");
        if (table.size() > kMostParameters)
            fail(table, fmt::format("{} parameters, at most {} are allowed", table.size(), kMostParameters));
        for (const auto& [key, node] : table) {
            const auto* row = node.as_table();
            if (row == nullptr)
                fail(node, fmt::format("{} must be a table, as in {} = {{ uniform = [0, 1] }}", name_of(key.str()),
                                       name_of(key.str())));
            rows_.emplace_back(std::string(key.str()), row);
            parameters_.push_back(parameter(std::string(key.str()), *row));
        }
        return in_order();
    }

private:
    [[noreturn]] void fail(const toml::node& node, const std::string& what) const {
        throw UsageError(fmt::format("[space] {}:{}: {}", origin_, node.source().begin.line, what));
    }
    static std::string name_of(std::string_view key) { return excerpt(key); }

    Parameter parameter(const std::string& key, const toml::table& row) const {
        for (const Barred& barred : kBarred)
            if (barred.key == key) fail(row, fmt::format("{} is not for a search to choose: {}", key, barred.why));
        Parameter result{.key = key, .own = is_own(key, row)};
        std::vector<std::string_view> kinds;
        for (const auto& [word, node] : row) {
            if (word.str() == "when" || word.str() == "own") continue;
            kinds.push_back(word.str());
            read_kind(result, word.str(), node);
        }
        if (kinds.size() != 1)
            fail(row, fmt::format("{} must have one of choice, uniform, log_uniform, integer, log_integer, not {}",
                                  name_of(key), kinds.empty() ? "none" : fmt::format("{}", fmt::join(kinds, " and "))));
        if (!result.own) try_values(result, row);
        return result;
    }

    /// Whether a parameter is the program's own. Its name and values are shown in tables and comments.
    bool is_own(const std::string& key, const toml::table& row) const {
        const toml::node* const own = row.get("own");
        if (own == nullptr) return false;
        const auto* truth = own->as_boolean();
        if (truth == nullptr) fail(*own, fmt::format("{}: own must be true or false", name_of(key)));
        if (!truth->get()) return false;
        if (std::ranges::find(train_options(), key, &Option<TrainConfig>::key) != train_options().end())
            fail(row, fmt::format("{} is an option of keel train, no parameter of the program's own", key));
        const auto plain = [](char c) {
            return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
        };
        if (key.empty() || key.size() > kLongestOwnKey || !std::ranges::all_of(key, plain))
            fail(row,
                 fmt::format("'{}': a parameter of the program's own is called by 1 to {} letters, digits, _ and -",
                             name_of(key), kLongestOwnKey));
        return true;
    }

    void read_kind(Parameter& to, std::string_view kind, const toml::node& node) const {
        if (kind == "choice") {
            read_choices(to, node);
        } else if (kind == "uniform" || kind == "log_uniform" || kind == "integer" || kind == "log_integer") {
            to.logarithmic = kind.starts_with("log_");
            to.whole = kind.ends_with("integer");
            read_range(to, node);
        } else {
            fail(node, fmt::format("{}: '{}' is no kind of range{}", name_of(to.key), name_of(kind),
                                   suggestion(kind, {"choice", "uniform", "log_uniform", "integer", "log_integer",
                                                     "when", "own"})));
        }
    }

    void read_range(Parameter& to, const toml::node& node) const {
        const auto* ends = node.as_array();
        const bool two = ends != nullptr && ends->size() == 2 && (*ends)[0].is_number() && (*ends)[1].is_number();
        if (!two) fail(node, fmt::format("{}: wanted two numbers, [LOW, HIGH]", to.key));
        // toml++ gives no double of a whole number that is none exactly.
        const auto end = [](const toml::node& each) {
            return each.is_integer() ? static_cast<double>(each.as_integer()->get()) : each.as_floating_point()->get();
        };
        to.low = end((*ends)[0]);
        to.high = end((*ends)[1]);
        if (!std::isfinite(to.low) || !std::isfinite(to.high) || !std::isfinite(to.high - to.low) || to.low >= to.high)
            fail(node,
                 fmt::format("{}: wanted finite numbers, LOW below HIGH, not {} and {}", to.key, to.low, to.high));
        if (to.logarithmic && to.low <= 0)
            fail(node, fmt::format("{}: a logarithmic range begins above 0, not at {}", to.key, to.low));
        if (!to.whole) return;
        for (const double each : {to.low, to.high})
            if (each != std::floor(each) || std::abs(each) >= kWholeEnd)
                fail(node, fmt::format("{}: an integer range has whole ends, not {}", to.key, each));
    }

    /// A value as --set has it; none for what no option holds.
    static std::optional<std::string> text_of(const toml::node& node) {
        if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
        if (const auto* whole = node.as_integer()) return fmt::format("{}", whole->get());
        if (const auto* real = node.as_floating_point()) return real_text(real->get());
        if (const auto* text = node.as_string()) return text->get();
        const auto* list = node.as_array();
        if (list == nullptr || list->empty()) return std::nullopt;
        std::vector<std::string> numbers;
        for (const toml::node& item : *list) {
            if (!item.is_number()) return std::nullopt;
            numbers.push_back(item.is_integer() ? fmt::format("{}", item.as_integer()->get())
                                                : real_text(item.as_floating_point()->get()));
        }
        return fmt::format("{}", fmt::join(numbers, ","));
    }

    void read_choices(Parameter& to, const toml::node& node) const {
        const auto* list = node.as_array();
        if (list == nullptr || list->empty() || list->size() > kMostChoices)
            fail(node, fmt::format("{}: wanted a list of 1 to {} choices", to.key, kMostChoices));
        std::set<std::string> seen;
        for (const toml::node& item : *list) {
            const auto text = text_of(item);
            if (!text)
                fail(item, fmt::format("{}: a choice is a text, a number, true, false or a list of numbers", to.key));
            if (to.own && !printable(*text))
                fail(item, fmt::format("{}: a choice is a text without control characters", to.key));
            if (!seen.insert(*text).second) fail(item, fmt::format("{}: {} is there twice", to.key, excerpt(*text)));
            to.choices.push_back(*text);
        }
    }

    /// Has the option's own declaration refuse what it does not take. Between the ends of a range that is not whole
    /// there must be numbers that are not.
    void try_values(const Parameter& parameter, const toml::table& row) const {
        const std::string where = fmt::format("{}:{}", origin_, row.source().begin.line);
        std::vector<std::string> texts = parameter.choices;
        if (!parameter.is_choice()) {
            texts = {value_text(parameter, parameter.low), value_text(parameter, parameter.high)};
            if (!parameter.whole)
                texts.push_back(fmt::format("{}", parameter.low + (parameter.high - parameter.low) / 3.14159));
        }
        for (const std::string& text : texts) {
            TrainConfig config = base_;
            apply_text(config, parameter.key, text, where);
        }
    }

    std::vector<std::size_t> read_values(const Parameter& parent, const std::string& child,
                                         const toml::node& node) const {
        std::vector<std::string> wanted;
        if (const auto* list = node.as_array()) {
            for (const toml::node& item : *list) wanted.push_back(text_of(item).value_or(""));
        } else {
            wanted.push_back(text_of(node).value_or(""));
        }
        if (wanted.empty()) fail(node, fmt::format("{}: when {} has none of its values", child, parent.key));
        std::vector<std::size_t> values;
        for (const std::string& text : wanted) {
            const auto found = std::ranges::find(parent.choices, text);
            if (found == parent.choices.end())
                fail(node, fmt::format("{}: '{}' is none of the choices of {}", child, excerpt(text), parent.key));
            values.push_back(static_cast<std::size_t>(found - parent.choices.begin()));
        }
        return values;
    }

    /// The parameter's conditions, whose parents are counted in the order of the file.
    std::vector<Condition> read_conditions(std::size_t index) const {
        const auto& [key, row] = rows_[index];
        const toml::node* const when = row->get("when");
        if (when == nullptr) return {};
        const auto* table = when->as_table();
        if (table == nullptr || table->empty())
            fail(*when, fmt::format("{}: when must be a table, as in when = {{ optimizer = \"sgd\" }}", key));
        std::vector<Condition> conditions;
        for (const auto& [word, node] : *table) {
            const std::string parent(word.str());
            const auto found = std::ranges::find(parameters_, parent, &Parameter::key);
            if (found == parameters_.end() || !found->is_choice() || parent == key)
                fail(node, fmt::format("{}: '{}' is no other choice of this space", key, name_of(parent)));
            conditions.push_back(
                {static_cast<std::size_t>(found - parameters_.begin()), read_values(*found, key, node)});
        }
        return conditions;
    }

    /// Puts parents first, each time the first by key whose parents are all there.
    Space in_order() {
        for (std::size_t i = 0; i < parameters_.size(); ++i) parameters_[i].when = read_conditions(i);
        constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);
        std::vector<std::size_t> place(parameters_.size(), kNowhere);
        Space space;
        while (space.parameters.size() < parameters_.size()) {
            const std::size_t before = space.parameters.size();
            for (std::size_t i = 0; i < parameters_.size(); ++i) {
                const bool ready = std::ranges::all_of(parameters_[i].when, [&](const Condition& condition) {
                    return place[condition.parent] != kNowhere;
                });
                if (place[i] != kNowhere || !ready) continue;
                place[i] = space.parameters.size();
                space.parameters.push_back(parameters_[i]);
                for (Condition& condition : space.parameters.back().when) condition.parent = place[condition.parent];
            }
            if (space.parameters.size() > before) continue;
            const auto lost = std::ranges::find(place, kNowhere) - place.begin();
            fail(*rows_[static_cast<std::size_t>(lost)].second,
                 fmt::format("{}: conditions depend on one another in a ring",
                             rows_[static_cast<std::size_t>(lost)].first));
        }
        return space;
    }

    const std::string& origin_;
    const TrainConfig& base_;
    std::vector<Row> rows_;
    std::vector<Parameter> parameters_;  // in the order of rows_
};

}  // namespace

Space read_space(std::string_view text, const std::string& origin, const TrainConfig& base) {
    toml::table table;
    try {
        table = parse_toml(text, origin);
    } catch (const toml::parse_error& error) {
        throw UsageError(fmt::format("[space] {}:{}: {}", origin, error.source().begin.line, error.description()));
    }
    return SpaceReader(origin, base).read(table);
}

}  // namespace keel::tune
