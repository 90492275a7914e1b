// Which columns of a table mean what: as options say, or as their names and contents suggest.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/formats/csv.h"

namespace keel {

struct TableColumns {
    std::size_t path = 0;
    std::optional<std::size_t> patient, split, view, other_view, sex, age, weight;  ///< other_view: where view is blank
    std::vector<std::size_t> labels;  ///< a column a label; or one whose cells name them
    bool named = false;               ///< the cells of the one column name labels or classes
    std::string separator;            ///< between the names; empty: each cell is one
    bool lists = false;               ///< cells are lists as Python writes them: ['a', 'b']
    Task task = Task::labels;
};

/// Chooses a table's columns, and says what it chose and why. `who` begins messages. Throws UsageError for an option
/// that the table contradicts, InputError where there is no column of images or labels.
TableColumns choose_columns(const TableFile& table, const DatasetOptions& options, const std::string& who,
                            std::vector<Remark>& remarks);

}  // namespace keel
