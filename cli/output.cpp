#include "cli/output.h"

#include <cstdio>

#include "kernels/error.h"

namespace keel::cli {

void print_result(const Globals& globals, const Json& object, const std::string& text) {
    const std::string out = globals.json ? object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n" : text;
    // Flushed here, where a full disk or a closed pipe can still be told.
    if (std::fwrite(out.data(), 1, out.size(), stdout) != out.size() || std::fflush(stdout) != 0)
        throw IoError("[output] stdout takes no more");
}

}  // namespace keel::cli
