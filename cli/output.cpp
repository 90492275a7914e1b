#include "cli/output.h"

#include <cerrno>
#include <cstdio>

#include "cli/cluster/signals.h"
#include "engine/json.h"
#include "kernels/error.h"

namespace keel::cli {

void print_result(const Globals& globals, const Json& object, const std::string& text) {
    const std::string out = globals.json ? valid_json_text(object) + "\n" : text;
    // Flushed here, where a full disk or a closed pipe can still be told.
    errno = 0;
    if (std::fwrite(out.data(), 1, out.size(), stdout) == out.size() && std::fflush(stdout) == 0) return;
    if (errno == EPIPE) end_by_closed_pipe();
    throw IoError("[output] stdout takes no more");
}

}  // namespace keel::cli
