// The one place that includes toml++, without two faults of Debian's 3.3. Some texts that are no TOML, `a = [1, }`,
// trip an assertion, which ends the program; under NDEBUG the same condition is an assumption that Clang may build on.
// With its assertions off the parser reports them as it does others. And a character beyond ASCII outside of strings
// leads to code that is marked as unreachable: parse_toml() reports it first.
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
