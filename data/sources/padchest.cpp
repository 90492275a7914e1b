// PadChest (Bustos et al., Medical Image Analysis 2020): one table, whose labels are lists as Python writes them, and
// images of 16 bits in folders 0 to 54 or in one.
#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/core.h>

#include "data/sources/label_csv.h"
#include "data/sources/published.h"
#include "data/sources/sources.h"
#include "data/sources/vocabulary.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr const char* kPadChest = "padchest";

/// Words among the labels that are none: of images that the authors leave out, and of what a report compares.
constexpr const char *kExclude = "exclude", *kUnchanged = "unchanged";

struct PadChestColumns {
    std::size_t image, labels, projection;
    std::optional<std::size_t> folder, patient, sex, birth, date;
};

PadChestColumns find_padchest_columns(const TableFile& file) {
    return {.image = need_column(file, "ImageID", kPadChest),
            .labels = need_column(file, "Labels", kPadChest),
            .projection = need_column(file, "Projection", kPadChest),
            .folder = file.find("ImageDir"),
            .patient = file.find("PatientID"),
            .sex = file.find("PatientSex_DICOM"),
            .birth = file.find("PatientBirth"),
            .date = file.find("StudyDate_DICOM")};
}

/// Returns the number of which `digits` are the first, e.g. the year of 20140915; none where it has fewer.
std::optional<int> leading_number(const std::string& text, std::size_t digits) {
    int value = 0;
    if (text.size() < digits) return std::nullopt;
    const auto [at, error] = std::from_chars(text.data(), text.data() + digits, value);
    return error == std::errc() && at == text.data() + digits ? std::optional(value) : std::nullopt;
}

class PadChestReader {
public:
    explicit PadChestReader(const std::string& path) : file_(path), columns_(find_padchest_columns(file_)) {}

    void read(LabelTable& table) {
        std::map<std::string, std::size_t> numbers;
        file_.for_each_row([&](TableRow& row) {
            for (const std::string& name : names(row))
                if (name != kExclude && name != kUnchanged && common_label_name(name) != kNoFinding)
                    numbers.emplace(name, 0);
        });
        for (auto& [name, number] : numbers) {
            if (!printable(name))
                throw InputError(
                    fmt::format("[{}] {}: the label '{}' is not printable", kPadChest, file_.path(), excerpt(name)));
            number = table.labels.size();
            table.labels.push_back(name);
        }
        if (numbers.empty()) throw InputError(fmt::format("[{}] {}: no row names a label", kPadChest, file_.path()));
        file_.for_each_row([&](TableRow& row) { add(row, numbers, table); });
        table.remarks.push_back({false, file_.path() + ", " + file_.form()});
        if (excluded_ > 0)
            table.remarks.push_back(
                {true, fmt::format("{} images are labelled '{}' and are not used", excluded_, kExclude)});
        if (unlabelled_ > 0)
            table.remarks.push_back({true, fmt::format("{} images have no labels and are not used", unlabelled_)});
    }

private:
    std::string cell(const TableRow& row, std::optional<std::size_t> column) const {
        return column ? cell_of(file_, row, *column, kPadChest) : "";
    }
    std::vector<std::string> names(const TableRow& row) const {
        return labels_in(cell(row, columns_.labels), true, "", fmt::format("[{}] {}", kPadChest, file_.where(row)));
    }

    /// The years between birth and study, which the set keeps no days of.
    std::string age(const TableRow& row) const {
        const auto birth = leading_number(cell(row, columns_.birth), 4),
                   study = leading_number(cell(row, columns_.date), 4);
        return birth && study && *study >= *birth ? std::to_string(*study - *birth) : "";
    }

    void add(const TableRow& row, const std::map<std::string, std::size_t>& numbers, LabelTable& table) {
        const std::vector<std::string> found = names(row);
        LabelRow read{.name = cell(row, columns_.image)};
        if (read.name.empty()) throw InputError(fmt::format("[{}] {}: ImageID is empty", kPadChest, file_.where(row)));
        if (found.empty()) {
            ++unlabelled_;
            return;
        }
        if (std::ranges::find(found, kExclude) != found.end()) {
            ++excluded_;
            return;
        }
        if (!names_.insert(read.name).second)
            throw InputError(
                fmt::format("[{}] {}: {} has a row already", kPadChest, file_.where(row), excerpt(read.name)));
        std::string folder = patient_name(cell(row, columns_.folder));
        read.path = folder.empty() ? read.name : folder + "/" + read.name;
        read.patient = cell(row, columns_.patient);
        read.attributes = {sex_name(cell(row, columns_.sex)), age(row), view_name(cell(row, columns_.projection))};
        read.truths.assign(table.labels.size(), Truth::absent);
        for (const std::string& name : found)
            if (const auto number = numbers.find(name); number != numbers.end())
                read.truths[number->second] = Truth::present;
        table.rows.push_back(std::move(read));
    }

    TableFile file_;
    PadChestColumns columns_;
    std::set<std::string> names_;
    std::int64_t excluded_ = 0, unlabelled_ = 0;
};

}  // namespace

std::unique_ptr<Dataset> open_padchest(const std::string& path, const DatasetOptions& options) {
    LabelTable table{.who = kPadChest, .path = path, .attributes = {"sex", "age", "view"}};
    PadChestReader(need_table(path, "PADCHEST", ".csv", kPadChest, table.remarks)).read(table);
    table.roots = options.root.empty() ? root_and_folders(path) : std::vector{options.root};
    use_vocabulary(table);
    return make_table_dataset(std::move(table), options);
}

}  // namespace keel
