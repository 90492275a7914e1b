// CheXpert (Irvin et al., AAAI 2019): train.csv, valid.csv and, if it is there, test.csv or test_labels.csv, whose
// paths begin with the name of the set's folder; 14 observations, 1, 0, -1 where the report leaves it open, blank where
// it does not mention it. Images lie in the folder, or in those of the set's batches.
#include <fmt/core.h>

#include "data/sources/label_csv.h"
#include "data/sources/published.h"
#include "data/sources/sources.h"
#include "kernels/error.h"

namespace keel {
namespace {

struct Part {
    const char* file;
    Split split;
};
constexpr Part kParts[] = {{"train.csv", Split::train},
                           {"valid.csv", Split::val},
                           {"test.csv", Split::test},
                           {"test_labels.csv", Split::test}};

constexpr const char* kObservations[] = {"No Finding",       "Enlarged Cardiomediastinum",
                                         "Cardiomegaly",     "Lung Opacity",
                                         "Lung Lesion",      "Edema",
                                         "Consolidation",    "Pneumonia",
                                         "Atelectasis",      "Pneumothorax",
                                         "Pleural Effusion", "Pleural Other",
                                         "Fracture",         "Support Devices"};

/// Returns the observations that a table has a column of, in its order, joined by commas.
std::string observations_in(const std::string& path) {
    const TableFile table(path);
    std::string names;
    for (const std::string& title : table.header())
        for (const char* known : kObservations)
            if (column_key(title) == column_key(known)) names += (names.empty() ? "" : ",") + title;
    if (names.empty()) throw InputError(fmt::format("[chexpert] {}:1: none of the 14 observations is a column", path));
    return names;
}

/// Labels made by other labelers, which are published beside train.csv.
constexpr const char* kOthers[] = {"train_chexbert", "train_visualchexbert"};

}  // namespace

std::unique_ptr<Dataset> open_chexpert(const std::string& path, const DatasetOptions& options) {
    DatasetOptions reading = options;
    reading.label_type = "labels";
    LabelTable table;
    for (const auto& [file, split] : kParts) {
        std::vector<Remark> remarks;
        const std::string found = find_table(path, file, "", remarks);
        if (found.empty()) continue;
        if (options.label_columns.empty()) reading.label_columns = observations_in(found);
        LabelTable part = read_label_table(found, reading, "chexpert");
        part.remarks.insert(part.remarks.end(), remarks.begin(), remarks.end());
        for (LabelRow& row : part.rows) {
            row.split = split;
            row.path = row.name;
            if (row.name.starts_with("CheXpert")) row.name.erase(0, row.name.find('/') + 1);
        }
        if (table.labels.empty())
            table = std::move(part);
        else
            append_rows(table, std::move(part));
    }
    if (table.labels.empty())
        throw InputError(fmt::format("[chexpert] {} has neither train.csv nor valid.csv nor test.csv", path));
    for (const char* begin : kOthers)
        for (const std::string& other : find_tables(path, begin, ".csv"))
            table.remarks.push_back({false, other + " is not used; csv:FILE reads it"});
    table.path = path;
    table.roots = options.root.empty() ? root_and_folders(path) : std::vector{options.root};
    table.origin = "by the set's tables";
    // Irvin et al. train on what a report does not mention as on what it denies.
    table.blank = Truth::absent;
    use_vocabulary(table);
    return make_table_dataset(std::move(table), options);
}

}  // namespace keel
