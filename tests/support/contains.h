// The matcher for a part of a string, under one name for either generation of Catch2.
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

}  // namespace keel::test
