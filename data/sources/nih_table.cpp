#include "data/sources/nih_table.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <unordered_set>
#include <utility>

#include <fmt/core.h>

#include "data/formats/csv.h"
#include "data/sources/patients_and_views.h"
#include "data/sources/sources.h"
#include "engine/files.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr std::array<const char*, 14> kLabels{
    "Atelectasis", "Cardiomegaly", "Effusion",           "Infiltration",  "Mass",
    "Nodule",      "Pneumonia",    "Pneumothorax",       "Consolidation", "Edema",
    "Emphysema",   "Fibrosis",     "Pleural_Thickening", "Hernia"};

/// Returns the bits of `Atelectasis|Effusion`; `No Finding` stands alone for none.
std::uint64_t parse_findings(std::string_view text, const std::string& where) {
    std::uint64_t mask = 0;
    if (column_key(text) == "nofinding") return mask;
    for (const std::string& part : split_text(text, '|')) {
        const std::string key = column_key(part);
        const auto label = std::ranges::find_if(kLabels, [&](const char* known) { return column_key(known) == key; });
        if (label == kLabels.end())
            throw InputError(fmt::format("[nih] {}: unknown label '{}'", where, excerpt(trimmed(part))));
        mask |= std::uint64_t{1} << (label - kLabels.begin());
    }
    return mask;
}

/// Where the columns that count are. The header's unquoted commas (OriginalImage[Width,Height]) come after them.
struct NihColumns {
    std::size_t image, findings, patient;
    std::array<std::size_t, 3> attributes;  ///< past the header where there is none
};

constexpr std::array<const char*, 3> kAttributes{"sex", "age", "view"};
constexpr std::array<const char*, 3> kAttributeColumns{"Patient Gender", "Patient Age", "View Position"};

NihColumns find_nih_columns(const TableFile& file) {
    const auto column = [&](const char* name) {
        const auto found = file.find(name);
        if (!found) throw InputError(fmt::format("[nih] {}:1: no column '{}'", file.path(), name));
        return *found;
    };
    NihColumns columns{column("Image Index"), column("Finding Labels"), column("Patient ID"), {}};
    for (std::size_t k = 0; k < kAttributes.size(); ++k)
        columns.attributes[k] = file.find(kAttributeColumns[k]).value_or(file.header().size());
    return columns;
}

/// Returns the attributes of a row; one of a column that is not there is empty.
std::vector<std::string> attributes_of(const TableRow& row, const NihColumns& columns, std::size_t header) {
    std::vector<std::string> attributes;
    for (const std::size_t column : columns.attributes)
        attributes.emplace_back(column < std::min(header, row.cells.size()) ? trimmed(row.cells[column]) : "");
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

std::vector<NihRow> read_nih_table(const std::string& path, std::vector<Remark>* remarks) {
    const TableFile file(path);
    const NihColumns columns = find_nih_columns(file);
    const std::size_t wanted = std::max({columns.image, columns.findings, columns.patient}) + 1;
    std::vector<NihRow> rows;
    std::unordered_set<std::string> seen;
    std::vector<std::string> blanks;
    PatientNames patients;
    file.for_each_row([&](TableRow& row) {
        const std::string where = file.where(row);
        if (row.cells.size() < wanted)
            throw InputError(
                fmt::format("[nih] {}: {} fields, at least {} are wanted", where, row.cells.size(), wanted));
        const std::string& written = row.cells[columns.image];
        std::string name(trimmed(written));
        if (name.empty() || trimmed(row.cells[columns.patient]).empty())
            throw InputError(fmt::format("[nih] {}: image or patient is empty", where));
        if (name.size() != written.size()) blanks.push_back("'" + written + "'");
        if (!seen.insert(name).second)
            throw InputError(fmt::format("[nih] {}: {} has a row already", where, excerpt(name)));
        const std::uint64_t mask = parse_findings(trimmed(row.cells[columns.findings]), where);
        rows.push_back({std::move(name), mask, patients.of(row.cells[columns.patient]),
                        attributes_of(row, columns, file.header().size())});
    });
    if (remarks != nullptr) {
        patients.say(*remarks);
        if (file.form() != "separated by commas")
            remarks->push_back({false, fmt::format("{} is {}", path, file.form())});
        if (!blanks.empty())
            remarks->push_back({false, fmt::format("{} names of {} are read without the blanks around them: {}",
                                                   blanks.size(), path, some_of(blanks))});
    }
    return rows;
}

std::string image_key(const std::string& name) {
    std::string key = name.substr(name.find_last_of("/\\") + 1);
    if (const std::size_t dot = key.rfind('.'); dot != std::string::npos && dot > 0) key.resize(dot);
    return lower_case(key);
}

std::vector<std::string> read_name_list(const std::string& path) {
    std::vector<std::string> names;
    if (InputFile(path).size() == 0) return names;
    TableFile(path, TableFile::Heading::none).for_each_row([&](TableRow& row) {
        if (const std::string_view name = trimmed(row.cells[0]); !name.empty()) names.emplace_back(name);
    });
    return names;
}

NameList::NameList(const std::string& path) : path_(path) {
    std::unordered_set<std::string> twice;
    for (std::string& name : read_name_list(path)) {
        const std::string key = image_key(name);
        if (!names_.emplace(name, false).second) continue;
        if (!keys_.emplace(key, name).second) twice.insert(key);
    }
    for (const std::string& key : twice) keys_.erase(key);
}

bool NameList::contains(const std::string& name) {
    auto found = names_.find(name);
    if (found == names_.end()) {
        const auto by_key = keys_.find(image_key(name));
        if (by_key == keys_.end()) return false;
        found = names_.find(by_key->second);
        if (by_key_++ == 0) example_ = fmt::format("{} is {}", excerpt(found->first), excerpt(name));
    }
    found->second = true;
    return true;
}

std::vector<Remark> NameList::remarks(const std::string& table) const {
    std::vector<Remark> remarks;
    if (by_key_ > 0)
        remarks.push_back({false, fmt::format("{} names of {} are found by what is neither folder nor ending: {}",
                                              by_key_, path_, example_)});
    std::vector<std::string> unknown;
    for (const auto& [name, asked] : names_)
        if (!asked) unknown.push_back(name);
    std::ranges::sort(unknown);
    if (!unknown.empty())
        remarks.push_back({true, fmt::format("{} of {} names of {} are not in {}: {}", unknown.size(), names_.size(),
                                             path_, table, some_of(unknown))});
    return remarks;
}

}  // namespace keel
