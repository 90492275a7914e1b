// Lines and comma-separated fields of label files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace keel {

/// Returns the lines of a text file without their ends (LF or CRLF) and without a byte-order mark. Throws IoError if it
/// cannot be read, InputError if it is longer than 256 MiB.
std::vector<std::string> read_lines(const std::string& path);

/// Returns the fields of a line, split at `separator`; a field in double quotes may hold the separator, and "" stands
/// for a quote.
std::vector<std::string> split_fields(std::string_view line, char separator);

/// Returns a field that split_fields() reads as `text`.
std::string csv_field(const std::string& text);

}  // namespace keel
