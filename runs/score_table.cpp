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
#include "runs/prediction_columns.h"

namespace keel {
namespace {

constexpr std::size_t kNone = static_cast<std::size_t>(-1);

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
    throw InputError(fmt::format("[score] {}: {}", where, what));
}

/// Where the columns that count are.
struct TableColumns {
    std::size_t name = kNone, patient = kNone, count = 0;
    std::vector<std::size_t> labels, attributes;
};

void place(std::size_t& column, std::size_t at, const std::string& heading, const std::string& where) {
    if (column != kNone) refuse(where, fmt::format("the column '{}' comes twice", excerpt(heading)));
    column = at;
}

/// The name of a known label that a heading means; empty where it means none.
std::string label_of(const std::string& title, std::span<const char* const> known) {
    const auto exact = std::ranges::find(known, title);
    if (exact != known.end()) return *exact;
    const auto alike = std::ranges::find(known, column_key(title), column_key);
    return alike != known.end() ? *alike : "";
}

/// Whether a heading that is no label may be left out; a mistake else.
bool may_be_left_out(const std::string& title, const std::string& label, std::span<const char* const> known) {
    if (title.empty() || title.starts_with(kTruthPrefix) || title == kClassColumn || column_key(title) == "nofinding")
        return true;
    return label.size() > 80 || nearest(label, {known.begin(), known.end()}).empty();
}

class HeadingReader {
public:
    HeadingReader(std::span<const char* const> known, const std::vector<std::string>& wanted, std::string where)
        : known_(known), wanted_(wanted), where_(std::move(where)) {
        columns_.labels.assign(wanted.size(), kNone);
    }

    TableColumns read(const std::vector<std::string>& heading, ScoreTable& table) {
        columns_.count = heading.size();
        std::string strange;
        for (std::size_t at = 0; at < heading.size(); ++at) {
            const std::string& title = heading[at];
            if (read_title(title, at, table)) continue;
            const std::string label =
                title.starts_with(kProbabilityPrefix) ? title.substr(kProbabilityPrefix.size()) : title;
            if (!may_be_left_out(title, label, known_)) refuse_label(label);
            if (title.starts_with(kTruthPrefix) || title == kClassColumn || title.empty()) continue;
            if (strange.empty()) strange = label;
            table.left_out.push_back(title);
        }
        if (columns_.name == kNone && !strange.empty()) refuse_label(strange);
        if (columns_.name == kNone) refuse(where_, fmt::format("no column '{}'", kNameColumn));
        for (std::size_t i = 0; i < wanted_.size(); ++i)
            if (columns_.labels[i] == kNone)
                refuse(where_, fmt::format("no column '{}{}' or '{}'; --only scores the labels that are there",
                                           kProbabilityPrefix, wanted_[i], wanted_[i]));
        return columns_;
    }

private:
    [[noreturn]] void refuse_label(const std::string& label) {
        refuse(where_, fmt::format("unknown label '{}'{}{}", excerpt(label),
                                   label.size() > 80 ? "" : suggestion(label, {known_.begin(), known_.end()}),
                                   columns_.name == kNone ? fmt::format("; no column '{}'", kNameColumn) : ""));
    }

    /// True if the heading is one of those that count, or of another known label.
    bool read_title(const std::string& title, std::size_t at, ScoreTable& table) {
        if (column_key(title) == column_key(kNameColumn)) return place(columns_.name, at, title, where_), true;
        if (title == kPatientColumn) return place(columns_.patient, at, title, where_), true;
        if (title.starts_with(kAttributePrefix)) {
            table.attribute_names.push_back(title.substr(kAttributePrefix.size()));
            columns_.attributes.push_back(at);
            return true;
        }
        if (title.starts_with(kTruthPrefix)) return false;
        const std::string label =
            label_of(title.starts_with(kProbabilityPrefix) ? title.substr(kProbabilityPrefix.size()) : title, known_);
        if (label.empty()) return false;
        const auto place_of = std::ranges::find(wanted_, label);
        if (place_of != wanted_.end())
            place(columns_.labels[static_cast<std::size_t>(place_of - wanted_.begin())], at, title, where_);
        return true;
    }

    std::span<const char* const> known_;
    const std::vector<std::string>& wanted_;
    std::string where_;
    TableColumns columns_;
};

double finite(const std::string& field, bool decimal_comma, const std::string& where) {
    std::string text(trimmed(field));
    if (decimal_comma)
        if (const std::size_t comma = text.find(','); comma != std::string::npos) text[comma] = '.';
    if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.erase(0, 1);
    double value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || stop != end || !std::isfinite(value))
        refuse(where, fmt::format("wanted a finite number, got '{}'", excerpt(field)));
    return value;
}

}  // namespace

ScoreTable read_score_table(const std::string& path, std::span<const char* const> known,
                            const std::vector<std::string>& wanted) {
    const TableFile file(path);
    const bool commas = file.form().find("commas") != std::string::npos;
    ScoreTable table;
    const TableColumns columns = HeadingReader(known, wanted, path + ":1").read(file.header(), table);
    std::unordered_set<std::string> seen;
    file.for_each_row([&](TableRow& row) {
        const std::string where = file.where(row);
        if (row.cells.size() != columns.count)
            refuse(where, fmt::format("wanted {} fields, got {}", columns.count, row.cells.size()));
        std::string name(trimmed(row.cells[columns.name]));
        if (name.empty()) refuse(where, "the image's name is empty");
        if (!seen.insert(name).second) refuse(where, fmt::format("{} has a row already", excerpt(name)));
        for (const std::size_t column : columns.labels)
            table.scores.push_back(finite(row.cells[column], !commas, where));
        if (columns.patient != kNone) table.patients.push_back(std::move(row.cells[columns.patient]));
        for (const std::size_t column : columns.attributes) table.attributes.push_back(std::move(row.cells[column]));
        table.names.push_back(std::move(name));
    });
    return table;
}

}  // namespace keel
