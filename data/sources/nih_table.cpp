#include "data/sources/nih_table.h"

#include <algorithm>
#include <array>
#include <unordered_set>

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
};

Columns find_columns(const std::vector<std::string>& header, const std::string& path) {
    const auto column = [&](const char* name) {
        const auto it = std::ranges::find(header, name);
        if (it == header.end()) throw InputError(fmt::format("[nih] {}:1: no column '{}'", path, name));
        return static_cast<std::size_t>(it - header.begin());
    };
    return {column("Image Index"), column("Finding Labels"), column("Patient ID")};
}

}  // namespace

std::span<const char* const> nih_labels() { return kLabels; }

std::vector<NihRow> read_nih_table(const std::string& path) {
    const std::vector<std::string> lines = read_lines(path);
    if (lines.empty()) throw InputError(fmt::format("[nih] {} is empty", path));
    const Columns columns = find_columns(split_fields(lines[0], ','), path);
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
        rows.push_back({std::move(name), mask, std::move(fields[columns.patient])});
    }
    return rows;
}

}  // namespace keel
