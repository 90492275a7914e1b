// From the rows of any table to a data set: what all sources with tables share.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/sources/truth.h"

namespace keel {

/// An image as a table tells of it.
struct LabelRow {
    std::string name{};                     ///< no two rows have one
    std::string path{};                     ///< of the file, as the table writes it; empty: the name
    std::string patient{};                  ///< empty where nobody knows
    std::optional<Split> split{};           ///< none where the table does not say
    std::vector<std::string> attributes{};  ///< of LabelTable::attributes; or none
    std::vector<Truth> truths{};            ///< Task::labels: one a label
    std::int32_t label = kUnknownClass;     ///< Task::classes
    float weight = 1;
};

struct LabelTable {
    std::string who{};   ///< the scheme, for messages
    std::string path{};  ///< what was opened, for messages
    Task task = Task::labels;
    std::vector<std::string> labels{};
    std::vector<std::string> attributes{};
    std::vector<LabelRow> rows{};
    std::vector<std::string> roots{};     ///< folders that paths are relative to
    Truth blank = Truth::blank;           ///< what the set's publication takes a blank for
    std::string origin = "by the table";  ///< of the splits that rows name
    std::vector<Remark> remarks{};
};

/// Makes a data set of the rows whose images are there, divided as the rows say or, where none does, by patient: test,
/// then validation, which is also split off where the rows name no validation set but another. Options decide on what
/// is uncertain, on blanks, labels and views; what was done is said in the remarks. Throws InputError where no image
/// is there, UsageError for options that contradict the data.
std::unique_ptr<Dataset> make_table_dataset(LabelTable table, const DatasetOptions& options);

}  // namespace keel
