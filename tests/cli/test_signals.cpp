#include "cli/cluster/signals.h"

#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include "tests/support/catch.h"

namespace {

/// The status of a process that calls `f`.
template <class F>
int status_of(F&& f) {
    const pid_t child = ::fork();
    if (child == 0) {
        f();
        ::_exit(99);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return status;
}

}  // namespace

TEST_CASE("The first signal asks, a second of any kind ends the process at once", "[signals]") {
    const int first = GENERATE(SIGTERM, SIGUSR1, SIGINT), second = GENERATE(SIGTERM, SIGUSR1, SIGINT);
    const int asked = status_of([&] {
        keel::cli::catch_stop_signals();
        if (keel::cli::stop_signal() != 0) ::_exit(1);
        std::raise(first);
        ::_exit(keel::cli::stop_signal() == first ? keel::cli::exit_code_of(first) : 2);
    });
    REQUIRE(WIFEXITED(asked));
    CHECK(WEXITSTATUS(asked) == (first == SIGINT ? 130 : 75));
    const int ended = status_of([&] {
        keel::cli::catch_stop_signals();
        std::raise(first);
        std::raise(second);
    });
    REQUIRE(WIFSIGNALED(ended));
    CHECK(WTERMSIG(ended) == second);
}
