// Tables and lists in text files: comma-separated values as RFC 4180 and those who do not know it write them.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keel {

/// Returns the lines of a text file (read_text_file) without their ends: LF, CRLF or CR.
std::vector<std::string> read_lines(const std::string& path);

/// Returns the fields of a line, split at `separator`; a field in double quotes may hold the separator, and "" stands
/// for a quote.
std::vector<std::string> split_fields(std::string_view line, char separator);

/// Returns the parts of a text between separators, at least one.
std::vector<std::string> split_text(std::string_view text, char separator);

/// Returns a text without the blanks around it: spaces, tabs and no-break spaces.
std::string_view trimmed(std::string_view text);

/// Returns what names of columns are compared by: their ASCII letters in lower case, their digits, and all beyond
/// ASCII.
std::string column_key(std::string_view name);

/// Returns a field that a table with commas reads as `text`.
std::string csv_field(const std::string& text);

/// A record of a table. Blanks around a cell belong to it.
struct TableRow {
    std::vector<std::string> cells{};
    std::size_t line = 0;  ///< of the file, where the record begins, from 1
};

/// A table in a text file, its first record the names of its columns. Cells are separated by commas, semicolons or
/// tabs, whichever the first record has most of. A cell that begins with a double quote, blanks before it aside, ends
/// at the next one and may hold separators, line ends and, written twice, quotes. Empty lines are no records.
class TableFile {
public:
    enum class Heading { names, none };

    /// Reads the file. Throws what read_text_file() does, and InputError that names file and line if it has no record,
    /// a record of more than 4096 cells, a cell of more than 1 MiB, a quote that is not closed or something between a
    /// closing quote and the separator. With Heading::none the first record is a row as any other.
    explicit TableFile(std::string path, Heading heading = Heading::names);

    const std::string& path() const { return path_; }
    /// Returns the names of the columns, without blanks around them; empty with Heading::none.
    const std::vector<std::string>& header() const { return header_; }
    /// Returns the column of that name, or else that of the same column_key(); none where there is none. Throws
    /// InputError where there are several.
    std::optional<std::size_t> find(std::string_view name) const;
    /// Returns "separated by commas" and whatever else is not as in most files: the encoding, gzip.
    const std::string& form() const { return form_; }
    /// Returns "FILE:LINE", as messages begin with.
    std::string where(const TableRow& row) const;

    /// Calls `each` for every row in the file's order; the row may be changed. Throws as the constructor does.
    void for_each_row(const std::function<void(TableRow& row)>& each) const;

private:
    std::string path_, text_, form_;
    char separator_ = ',';
    std::vector<std::string> header_;
    std::size_t rows_at_ = 0, rows_line_ = 1;  ///< where the rows begin
};

}  // namespace keel
