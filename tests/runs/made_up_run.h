// The folder of a run that nobody trained, for tests of what is made of runs.
#pragma once

#include <string>

namespace keel::test {

/// What would do harm if it became part of a page.
inline constexpr const char* kHostile =
    "<script>alert('1')</script>\"><img src=x onerror=alert(2)> & 'q' \xff\xfe</title>,${7*7}";

/// A run of two epochs as keel train leaves it, without its data and checkpoints. `hostile` stands wherever a name from
/// outside may.
void write_run(const std::string& path, const std::string& hostile, bool multi_label);

}  // namespace keel::test
