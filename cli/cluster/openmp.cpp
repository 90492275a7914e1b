#include "cli/cluster/openmp.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>

namespace keel::cli {
namespace {

/// Turns of the waiting loop before a thread sleeps; a turn is a `pause` instruction.
constexpr const char* kSpinCount = "10000";

}  // namespace

void settle_openmp(char** argv) {
    if (std::any_of(std::begin(kOpenMpVariables), std::end(kOpenMpVariables),
                    [](const char* name) { return std::getenv(name); }))
        return;
    if (::setenv("GOMP_SPINCOUNT", kSpinCount, 1) != 0) return;
    ::execv("/proc/self/exe", argv);
    ::unsetenv("GOMP_SPINCOUNT");  // no second program: nothing has changed
}

}  // namespace keel::cli
