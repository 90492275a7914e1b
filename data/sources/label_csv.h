// A table of images and their labels, in any form that choose_columns() makes out.
#pragma once

#include <string>
#include <vector>

#include "data/sources/label_table.h"
#include "data/sources/table_columns.h"

namespace keel {

/// Returns the names in a cell: of a list as Python writes it (['a', 'b'], quotes of either kind), or between
/// separators, without blanks around them; empty ones and `nan` are left out. Throws InputError, which begins with
/// `where`, for a list that is none.
std::vector<std::string> labels_in(const std::string& cell, bool list, const std::string& separator,
                                   const std::string& where);

/// Reads a table; `who` begins messages. Rows of one path become one where their labels agree or are named, a label a
/// row. The roots are not set. Throws as choose_columns() does, and InputError that names file and line.
LabelTable read_label_table(const std::string& path, const DatasetOptions& options, const std::string& who);

}  // namespace keel
