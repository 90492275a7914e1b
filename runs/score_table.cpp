#include "runs/score_table.h"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "data/formats/csv.h"
#include "engine/text.h"
#include "kernels/error.h"
#include "train/option.h"

namespace keel {
namespace {

constexpr std::string_view kName = "Image Index", kProbability = "prob_", kTruth = "true_", kClass = "class";
constexpr std::size_t kNone = static_cast<std::size_t>(-1);

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
    throw InputError(fmt::format("[score] {}: {}", where, what));
}

/// Where the columns that count are.
struct Columns {
    std::size_t name = kNone, count = 0;
    std::vector<std::size_t> labels;
};

void place(std::size_t& column, std::size_t at, const std::string& heading, const std::string& where) {
    if (column != kNone) refuse(where, fmt::format("the column '{}' comes twice", excerpt(heading)));
    column = at;
}

Columns find_columns(const std::vector<std::string>& heading, std::span<const char* const> known,
                     const std::vector<std::string>& wanted, const std::string& where) {
    Columns columns{.count = heading.size(), .labels = std::vector<std::size_t>(wanted.size(), kNone)};
    for (std::size_t at = 0; at < heading.size(); ++at) {
        const std::string& title = heading[at];
        if (title == kName) {
            place(columns.name, at, title, where);
            continue;
        }
        if (title.starts_with(kTruth) || title == kClass) continue;
        const std::string label = title.starts_with(kProbability) ? title.substr(kProbability.size()) : title;
        if (std::ranges::find(known, label) == known.end())
            refuse(where, fmt::format("unknown label '{}'{}", excerpt(label),
                                      label.size() > 80 ? "" : suggestion(label, {known.begin(), known.end()})));
        const auto place_of = std::ranges::find(wanted, label);
        if (place_of != wanted.end())
            place(columns.labels[static_cast<std::size_t>(place_of - wanted.begin())], at, title, where);
    }
    if (columns.name == kNone) refuse(where, fmt::format("no column '{}'", kName));
    for (std::size_t i = 0; i < wanted.size(); ++i)
        if (columns.labels[i] == kNone)
            refuse(where, fmt::format("no column '{}{}' or '{}'; --only scores the labels that are there", kProbability,
                                      wanted[i], wanted[i]));
    return columns;
}

double finite(const std::string& text, const std::string& where) {
    double value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || stop != end || !std::isfinite(value))
        refuse(where, fmt::format("wanted a finite number, got '{}'", excerpt(text)));
    return value;
}

}  // namespace

ScoreTable read_score_table(const std::string& path, std::span<const char* const> known,
                            const std::vector<std::string>& wanted) {
    const TableFile file(path);
    const Columns columns = find_columns(file.header(), known, wanted, path + ":1");
    ScoreTable table;
    std::unordered_set<std::string> seen;
    file.for_each_row([&](TableRow& row) {
        const std::string where = file.where(row);
        if (row.cells.size() != columns.count)
            refuse(where, fmt::format("wanted {} fields, got {}", columns.count, row.cells.size()));
        std::string name(trimmed(row.cells[columns.name]));
        if (name.empty()) refuse(where, "the image's name is empty");
        if (!seen.insert(name).second) refuse(where, fmt::format("{} has a row already", excerpt(name)));
        for (const std::size_t column : columns.labels)
            table.scores.push_back(finite(std::string(trimmed(row.cells[column])), where));
        table.names.push_back(std::move(name));
    });
    return table;
}

}  // namespace keel
