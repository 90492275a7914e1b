// toml++, the one place that includes it. Debian's 3.3 holds some texts that are no TOML for a fault of its own: `a =
// [1, }` ends a program where assertions are on, and where they are off Clang may take for granted that there is none;
// letters beyond ASCII where no string is lead to what its author held to be unreachable. Here both are errors of the
// text.
#pragma once

#pragma push_macro("NDEBUG")
#undef NDEBUG
#define TOML_ASSERT(expression) static_assert(true)
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")

#include <string>
#include <string_view>

#include "engine/toml_text.h"

namespace keel {

/// Returns the table of a text. Throws toml::parse_error, whose source() says where.
inline toml::table parse_toml(std::string_view text, const std::string& origin) {
    if (const auto line = line_beyond_ascii(text))
        throw toml::parse_error("Error while parsing: a character beyond ASCII outside of strings and comments",
                                toml::source_position{static_cast<toml::source_index>(*line), 1});
    return toml::parse(text, origin);
}

}  // namespace keel
