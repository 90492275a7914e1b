#include "cli/output.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>

#include "kernels/error.h"

namespace keel::cli {

void print_result(const Globals& globals, const Json& object, const std::string& text) {
    const std::string out = globals.json ? object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n" : text;
    // Flushed here, where a full disk or a closed pipe can still be told.
    if (std::fwrite(out.data(), 1, out.size(), stdout) != out.size() || std::fflush(stdout) != 0)
        throw IoError("[output] stdout takes no more");
}

std::string format_table(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::string padding(widths[i] - row[i].size(), ' ');
            line += i == 0 ? row[i] + padding : "  " + padding + row[i];
        }
        text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
    }
    return text;
}

}  // namespace keel::cli
