// What a text of TOML may hold where.
#pragma once

#include <optional>
#include <string_view>

namespace keel {

/// Returns the line (from 1) of the first character beyond ASCII that is in no string and no comment, where TOML 1.0
/// has none; nothing for a text without. Blanks behind a backslash that ends a line of a string are as little in it.
/// What comes behind a string without an end may be judged wrongly: a parser does not come there.
std::optional<int> line_beyond_ascii(std::string_view toml);

}  // namespace keel
