// The worked example of a guide is compiled: every line of its C++ is in the test that runs it.
#pragma once

#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace keel::test {

/// Returns the lines of a file below the source tree, without the white space around them.
inline std::vector<std::string> stripped_lines(const std::string& path) {
    std::ifstream stream(std::string(KEEL_SOURCE_DIR) + "/" + path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(stream, line);) {
        const std::size_t first = line.find_first_not_of(" \t");
        lines.push_back(first == std::string::npos ? "" : line.substr(first, line.find_last_not_of(" \t") - first + 1));
    }
    return lines;
}

/// Returns the lines of a guide's ```cpp blocks that the test does not hold. Includes and comments of one line are the
/// guide's own.
inline std::vector<std::string> missing_from(const std::string& guide, const std::string& test) {
    const std::vector<std::string> lines = stripped_lines(test);
    const std::set<std::string> held(lines.begin(), lines.end());
    std::vector<std::string> missing;
    bool inside = false;
    for (const std::string& line : stripped_lines(guide)) {
        if (line.starts_with("```")) {
            inside = line == "```cpp";
            continue;
        }
        if (inside && !line.empty() && !line.starts_with("#include") && !line.starts_with("//") && !held.contains(line))
            missing.push_back(line);
    }
    return missing;
}

}  // namespace keel::test
