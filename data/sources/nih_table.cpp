#include "data/sources/nih_table.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <unordered_set>
#include <utility>

#include <fmt/core.h>

#include "data/formats/csv.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr std::array<const char*, 14> kLabels{
    "Atelectasis", "Cardiomegaly", "Effusion",           "Infiltration",  "Mass",
    "Nodule",      "Pneumonia",    "Pneumothorax",       "Consolidation", "Edema",
    "Emphysema",   "Fibrosis",     "Pleural_Thickening", "Hernia"};

/// Returns the bits of `Atelectasis|Effusion`; `No Finding` stands alone for none.
std::uint64_t parse_findings(const std::string& text, const std::string& where) {
    std::uint64_t mask = 0;
    if (text == "No Finding") return mask;
    for (const std::string& finding : split_fields(text, '|')) {
        const auto label = std::ranges::find_if(kLabels, [&](const char* known) { return finding == known; });
        if (label == kLabels.end())
            throw InputError(fmt::format("[nih] {}: unknown label '{}'", where, excerpt(finding)));
        mask |= std::uint64_t{1} << (label - kLabels.begin());
    }
    return mask;
}

/// Where the columns that count are. The header's unquoted commas (OriginalImage[Width,Height]) come after them.
struct Columns {
    std::size_t image, findings, patient;
    std::array<std::size_t, 3> attributes;  ///< past the header where there is none
};

constexpr std::array<const char*, 3> kAttributes{"sex", "age", "view"};
constexpr std::array<const char*, 3> kAttributeColumns{"Patient Gender", "Patient Age", "View Position"};

Columns find_columns(const std::vector<std::string>& header, const std::string& path) {
    const auto column = [&](const char* name) {
        const auto it = std::ranges::find(header, name);
        if (it == header.end()) throw InputError(fmt::format("[nih] {}:1: no column '{}'", path, name));
        return static_cast<std::size_t>(it - header.begin());
    };
    Columns columns{column("Image Index"), column("Finding Labels"), column("Patient ID"), {}};
    for (std::size_t k = 0; k < kAttributes.size(); ++k)
        columns.attributes[k] =
            static_cast<std::size_t>(std::ranges::find(header, kAttributeColumns[k]) - header.begin());
    return columns;
}

/// Returns the attributes of a row; one of a column that is not there is empty.
std::vector<std::string> attributes_of(const std::vector<std::string>& fields, const Columns& columns,
                                       std::size_t header) {
    std::vector<std::string> attributes;
    for (const std::size_t column : columns.attributes)
        attributes.push_back(column < std::min(header, fields.size()) ? fields[column] : "");
    attributes[1] = age_in_years(attributes[1]);
    return attributes;
}

}  // namespace

std::span<const char* const> nih_labels() { return kLabels; }

std::span<const char* const> nih_attributes() { return kAttributes; }

std::string age_in_years(const std::string& text) {
    if (text.size() < 2) return text;
    constexpr std::pair<char, double> kUnits[] = {{'Y', 1}, {'M', 12}, {'W', 365.25 / 7}, {'D', 365.25}};
    const auto unit = std::ranges::find(kUnits, text.back(), &std::pair<char, double>::first);
    int count = 0;
    const char* const end = text.data() + text.size() - 1;
    const auto [at, error] = std::from_chars(text.data(), end, count);
    if (unit == std::end(kUnits) || error != std::errc() || at != end || count < 0) return text;
    return fmt::format("{:.6g}", count / unit->second);
}

std::vector<NihRow> read_nih_table(const std::string& path) {
    const std::vector<std::string> lines = read_lines(path);
    if (lines.empty()) throw InputError(fmt::format("[nih] {} is empty", path));
    const std::vector<std::string> header = split_fields(lines[0], ',');
    const Columns columns = find_columns(header, path);
    const std::size_t wanted = std::max({columns.image, columns.findings, columns.patient}) + 1;
    std::vector<NihRow> rows;
    std::unordered_set<std::string> seen;
    for (std::size_t i = 1; i < lines.size(); ++i) {
        if (lines[i].empty()) continue;
        const std::string where = fmt::format("{}:{}", path, i + 1);
        std::vector<std::string> fields = split_fields(lines[i], ',');
        if (fields.size() < wanted)
            throw InputError(fmt::format("[nih] {}: {} fields, at least {} are wanted", where, fields.size(), wanted));
        std::string& name = fields[columns.image];
        if (name.empty() || fields[columns.patient].empty())
            throw InputError(fmt::format("[nih] {}: image or patient is empty", where));
        if (!seen.insert(name).second)
            throw InputError(fmt::format("[nih] {}: {} has a row already", where, excerpt(name)));
        const std::uint64_t mask = parse_findings(fields[columns.findings], where);
        std::vector<std::string> attributes = attributes_of(fields, columns, header.size());
        rows.push_back({std::move(name), mask, std::move(fields[columns.patient]), std::move(attributes)});
    }
    return rows;
}

}  // namespace keel
