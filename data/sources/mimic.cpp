// MIMIC-CXR-JPG (Johnson et al., 2019): a table of labels a study, one of each image's split, one of its view, and
// files/pNN/pSUBJECT/sSTUDY/DICOM.jpg. The tables are packed by gzip as they are published.
#include <algorithm>
#include <unordered_map>
#include <utility>

#include <fmt/core.h>

#include "data/sources/published.h"
#include "data/sources/sources.h"
#include "data/sources/split_folders.h"
#include "data/sources/vocabulary.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr const char* kMimic = "mimic";

/// What is said of each study, of `labels`.
std::unordered_map<std::string, std::vector<Truth>> read_studies(const TableFile& file,
                                                                 std::vector<std::string>& labels) {
    const std::size_t study = need_column(file, "study_id", kMimic), subject = need_column(file, "subject_id", kMimic);
    std::vector<std::size_t> columns;
    for (std::size_t i = 0; i < file.header().size(); ++i) {
        if (i == study || i == subject) continue;
        columns.push_back(i);
        labels.push_back(file.header()[i]);
    }
    if (labels.empty()) throw InputError(fmt::format("[{}] {}:1: no column of labels", kMimic, file.path()));
    std::unordered_map<std::string, std::vector<Truth>> studies;
    file.for_each_row([&](TableRow& row) {
        std::vector<Truth> truths;
        for (const std::size_t column : columns) {
            const std::string cell = cell_of(file, row, column, kMimic);
            const auto truth = parse_truth(cell);
            if (!truth)
                throw InputError(fmt::format("[{}] {}: wanted 1, 0, -1 or nothing in '{}', got '{}'", kMimic,
                                             file.where(row), excerpt(file.header()[column]), excerpt(cell)));
            truths.push_back(*truth);
        }
        const std::string number = patient_name(cell_of(file, row, study, kMimic));
        if (!studies.emplace(number, std::move(truths)).second)
            throw InputError(
                fmt::format("[{}] {}: study {} has a row already", kMimic, file.where(row), excerpt(number)));
    });
    return studies;
}

/// The view of each image.
std::unordered_map<std::string, std::string> read_views(const TableFile& file) {
    const std::size_t image = need_column(file, "dicom_id", kMimic), view = need_column(file, "ViewPosition", kMimic);
    std::unordered_map<std::string, std::string> views;
    file.for_each_row([&](TableRow& row) {
        views.emplace(cell_of(file, row, image, kMimic), view_name(cell_of(file, row, view, kMimic)));
    });
    return views;
}

/// Reads the table that has a row an image.
void read_images(const TableFile& file, LabelTable& table,
                 const std::unordered_map<std::string, std::vector<Truth>>& studies,
                 const std::unordered_map<std::string, std::string>& views) {
    const std::size_t image = need_column(file, "dicom_id", kMimic), study = need_column(file, "study_id", kMimic),
                      subject = need_column(file, "subject_id", kMimic);
    const auto split = file.find("split");
    std::vector<std::string> without;
    file.for_each_row([&](TableRow& row) {
        const auto cell = [&](std::size_t column) { return cell_of(file, row, column, kMimic); };
        LabelRow read;
        const std::string patient = patient_name(cell(subject)), number = patient_name(cell(study));
        if (patient.empty() || number.empty() || cell(image).empty())
            throw InputError(fmt::format("[{}] {}: image, study or subject is empty", kMimic, file.where(row)));
        read.name = fmt::format("files/p{}/p{}/s{}/{}.jpg", patient.substr(0, 2), patient, number, cell(image));
        read.patient = patient;
        if (split) {
            read.split = split_of_folder(cell(*split));
            if (!read.split)
                throw InputError(fmt::format("[{}] {}: wanted train, validate or test, got '{}'", kMimic,
                                             file.where(row), excerpt(cell(*split))));
        }
        const auto view = views.find(cell(image));
        read.attributes = {view == views.end() ? "" : view->second};
        const auto labels = studies.find(number);
        if (labels == studies.end()) {
            without.push_back("s" + number);
            return;
        }
        read.truths = labels->second;
        table.rows.push_back(std::move(read));
    });
    if (!without.empty())
        table.remarks.push_back({true, fmt::format("{} images are of studies without labels and are not used: {}",
                                                   without.size(), some_of(without))});
}

}  // namespace

std::unique_ptr<Dataset> open_mimic(const std::string& path, const DatasetOptions& options) {
    LabelTable table{.who = kMimic, .path = path, .attributes = {"view"}};
    const TableFile labels(need_table(path, "mimic-cxr-", "-chexpert.csv", kMimic, table.remarks));
    const std::string splits = find_table(path, "mimic-cxr-", "-split.csv", table.remarks),
                      views = find_table(path, "mimic-cxr-", "-metadata.csv", table.remarks);
    for (const char* other : {"-negbio.csv", "-test-set-labeled.csv"})
        for (const std::string& file : find_tables(path, "mimic-cxr-", other))
            table.remarks.push_back({false, file + " is not used"});
    if (splits.empty() && views.empty())
        throw InputError(fmt::format("[{}] {} has neither mimic-cxr-*-split.csv nor -metadata.csv", kMimic, path));
    if (views.empty()) table.remarks.push_back({true, "no mimic-cxr-*-metadata.csv: the images' views are not known"});
    if (splits.empty())
        table.remarks.push_back({true, "no mimic-cxr-*-split.csv: splits are made, not the official ones"});
    const auto studies = read_studies(labels, table.labels);
    read_images(TableFile(splits.empty() ? views : splits), table, studies,
                views.empty() ? std::unordered_map<std::string, std::string>{} : read_views(TableFile(views)));
    table.roots = {options.root.empty() ? path : options.root};
    table.origin = "by the official table";
    table.blank = Truth::absent;  // as CheXpert's, whose labeler made them
    use_vocabulary(table);
    return make_table_dataset(std::move(table), options);
}

}  // namespace keel
