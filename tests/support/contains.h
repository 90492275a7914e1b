// Parts of strings. The matcher has one name for either generation of Catch2.
#pragma once

#include <string>

#include "tests/support/catch.h"

namespace keel::test {

inline auto contains(const std::string& part) {
#if __has_include(<catch2/catch_all.hpp>)
    return Catch::Matchers::ContainsSubstring(part);
#else
    return Catch::Matchers::Contains(part);
#endif
}

inline bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// How many times a part stands in a text.
inline std::size_t count_of(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++found;
    return found;
}

}  // namespace keel::test
