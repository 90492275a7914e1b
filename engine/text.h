// Text that people see: names from files and folders, suggestions, tables.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace keel {

/// Whether `text` is UTF-8 (RFC 3629), not empty and without control characters: what tables, JSON and terminals take
/// as it is.
bool printable(std::string_view text);

/// Whether `text` is UTF-8, control characters or nothing at all included.
bool is_utf8(std::string_view text);

/// Any bytes as printable ASCII without quotes: %XX for each that is none, and for %. For paths, which are no texts.
std::string percent_encoded(std::string_view bytes);

/// Takes that back. Throws InputError where a % is not followed by two digits.
std::string percent_decoded(std::string_view text);

/// `text` as a message may show it: at most 80 bytes of it, `...` where it was cut, what is not printable as `?`.
std::string excerpt(std::string_view text);

/// `text` with A to Z as a to z.
std::string lower_case(std::string_view text);

/// The candidate nearest to `word` by edit distance, or empty where none is near (more than a third of the word
/// differs, and more than 2 letters).
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// ", did you mean 'x'?" or nothing.
std::string suggestion(std::string_view word, const std::vector<std::string>& candidates);

/// Columns aligned with two spaces between them, the first to the left, the others to the right; the first row is the
/// head.
std::string format_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace keel
