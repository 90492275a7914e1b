// The RSNA Pneumonia Detection Challenge (Shih et al., Radiology: AI 2019): stage_2_train_labels.csv, a row a box or an
// image without one, and, if it is there, stage_2_detailed_class_info.csv; images are DICOM files in
// stage_2_train_images, or what people made of them.
#include <unordered_map>
#include <utility>

#include <fmt/core.h>

#include "data/sources/published.h"
#include "data/sources/sources.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr const char* kRsna = "rsna";

/// Reads a row an image and class: `Lung Opacity`, `Normal` or `No Lung Opacity / Not Normal`.
std::unordered_map<std::string, std::string> read_classes(const TableFile& file) {
    const std::size_t image = need_column(file, "patientId", kRsna), name = need_column(file, "class", kRsna);
    std::unordered_map<std::string, std::string> classes;
    file.for_each_row([&](TableRow& row) {
        const std::string cell = cell_of(file, row, name, kRsna);
        const auto [known, fresh] = classes.emplace(cell_of(file, row, image, kRsna), cell);
        if (known->second != cell)
            throw InputError(fmt::format("[{}] {}: {} is '{}' and '{}'", kRsna, file.where(row), excerpt(known->first),
                                         excerpt(known->second), excerpt(cell)));
    });
    return classes;
}

void read_labels(const TableFile& file, LabelTable& table) {
    const std::size_t image = need_column(file, "patientId", kRsna), target = need_column(file, "Target", kRsna);
    std::unordered_map<std::string, std::size_t> at;
    file.for_each_row([&](TableRow& row) {
        const std::string name = cell_of(file, row, image, kRsna), cell = cell_of(file, row, target, kRsna);
        const auto truth = parse_truth(cell);
        if (name.empty() || (truth != Truth::present && truth != Truth::absent))
            throw InputError(fmt::format("[{}] {}: wanted an image and 1 or 0, got '{}' and '{}'", kRsna,
                                         file.where(row), excerpt(name), excerpt(cell)));
        const auto [known, fresh] = at.emplace(name, table.rows.size());
        if (fresh) {
            LabelRow& read = table.rows.emplace_back();
            read.name = read.patient = name;
            read.truths = {*truth};
        } else if (table.rows[known->second].truths[0] != *truth) {
            throw InputError(fmt::format("[{}] {}: {} has the target 0 and 1", kRsna, file.where(row), excerpt(name)));
        }
    });
}

}  // namespace

std::unique_ptr<Dataset> open_rsna(const std::string& path, const DatasetOptions& options) {
    LabelTable table{.who = kRsna, .path = path, .labels = {"Pneumonia"}};
    const std::string labels = need_table(path, "stage_2_train_labels", ".csv", kRsna, table.remarks),
                      classes = find_table(path, "stage_2_detailed_class_info", ".csv", table.remarks);
    read_labels(TableFile(labels), table);
    if (!classes.empty()) {
        const auto known = read_classes(TableFile(classes));
        table.labels.emplace_back("Lung Opacity");
        table.attributes = {"class"};
        for (LabelRow& row : table.rows) {
            const auto found = known.find(row.name);
            const bool there = found != known.end();
            row.attributes = {there ? found->second : ""};
            row.truths.push_back(!there                            ? Truth::blank
                                 : found->second == "Lung Opacity" ? Truth::present
                                                                   : Truth::absent);
        }
    }
    table.remarks.push_back({false, "the Target of the challenge is called Pneumonia"});
    table.roots = options.root.empty() ? std::vector{path + "/stage_2_train_images", path} : std::vector{options.root};
    return make_table_dataset(std::move(table), options);
}

}  // namespace keel
