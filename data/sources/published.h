// What the sources of published sets of chest X-rays share: finding their tables, and one vocabulary.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "data/formats/csv.h"
#include "data/sources/label_table.h"

namespace keel {

/// Returns the files below `root`, in it or in one of its folders, whose names begin and end so in any case, also with
/// `.gz` behind, sorted; in its folders only where it has none itself. An empty `end`: the name is `begin`.
std::vector<std::string> find_tables(const std::string& root, const std::string& begin, const std::string& end);

/// Returns the only one of them or, of several, the last by name and a remark on the others; empty where there is none.
std::string find_table(const std::string& root, const std::string& begin, const std::string& end,
                       std::vector<Remark>& remarks);

/// Does what find_table() does; throws InputError, which begins with `who`, where there is none.
std::string need_table(const std::string& root, const std::string& begin, const std::string& end,
                       const std::string& who, std::vector<Remark>& remarks);

/// Returns a table's column of that name; throws InputError that begins with `who` where there is none.
std::size_t need_column(const TableFile& table, const char* name, const std::string& who);

/// Returns a cell of a row without the blanks around it; throws InputError where the row is shorter.
std::string cell_of(const TableFile& table, const TableRow& row, std::size_t column, const std::string& who);

/// Returns the root and the folders in it, sorted.
std::vector<std::string> root_and_folders(const std::string& root);

/// Gives labels the vocabulary's names (common_label_name) and makes those that become the same one: present where one
/// is, else uncertain where one is, else absent where one is. Says what is called otherwise.
void use_vocabulary(LabelTable& table);

/// Adds the rows of another table to one of the same set. Labels and attributes are those of the first; what the other
/// does not say is blank, what it says beside is named and left out.
void append_rows(LabelTable& to, LabelTable from);

}  // namespace keel
