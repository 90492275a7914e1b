// What a text of TOML may hold where.
#pragma once

#include <optional>
#include <string_view>

namespace keel {

/// Returns the line (from 1) of the first character beyond ASCII where TOML 1.0 has none: outside of strings and
/// comments, and behind a backslash, with blanks between them or without; nothing for a text without. What comes behind
/// a string without an end may be judged wrongly: a parser does not come there.
std::optional<int> line_beyond_ascii(std::string_view toml);

}  // namespace keel
