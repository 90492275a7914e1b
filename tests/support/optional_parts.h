// What a build may lack: tests of it are skipped there, with a reason.
#pragma once

#include "data/sources/name_pattern.h"
#include "kernels/error.h"
#include "tests/support/catch.h"

namespace keel::test {

/// Whether patients are found by patterns of names; warns where they are not.
inline bool has_patterns() {
    try {
        const NamePattern pattern("a");
        return true;
    } catch (const UsageError& error) {
        WARN("skipped: " << error.what());
        return false;
    }
}

}  // namespace keel::test
