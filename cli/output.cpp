#include "cli/output.h"

#include <cstdio>

#include "engine/json.h"
#include "kernels/error.h"

namespace keel::cli {

void print_result(const Globals& globals, const Json& object, const std::string& text) {
    const std::string out = globals.json ? valid_json_text(object) + "\n" : text;
    // Flushed here, where a full disk or a closed pipe can still be told.
    if (std::fwrite(out.data(), 1, out.size(), stdout) != out.size() || std::fflush(stdout) != 0)
        throw IoError("[output] stdout takes no more");
}

}  // namespace keel::cli
