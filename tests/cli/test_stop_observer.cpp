#include "cli/cluster/stop_observer.h"

#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include "cli/app.h"
#include "cli/cluster/signals.h"
#include "tests/support/catch.h"

using namespace keel;
using namespace keel::cli;

TEST_CASE("A run is asked to stop once its time does not suffice for what comes next", "[stop]") {
    StopObserver free{TimeLimit()};
    CHECK_FALSE(free.should_stop(1e9));
    StopObserver hour{TimeLimit(3600)};
    CHECK_FALSE(hour.should_stop(10));
    const auto request = hour.should_stop(4000);
    REQUIRE(request);
    CHECK(request->code == 0);
    CHECK(request->reason == "its time limit");
    CHECK(exit_code_of(*request) == kStoppedResumable);
}

TEST_CASE("A signal comes before the time limit, and its number with it", "[stop]") {
    CHECK(exit_code_of(StopRequest{SIGTERM, "signal 15"}) == kStoppedResumable);
    CHECK(exit_code_of(StopRequest{SIGINT, "signal 2"}) == kInterrupted);
    const pid_t child = ::fork();  // the flag stays set in a process
    if (child == 0) {
        catch_stop_signals();
        StopObserver observer{TimeLimit(3600)};
        if (observer.should_stop(0)) ::_exit(1);
        std::raise(SIGUSR1);
        const auto request = observer.should_stop(4000);
        ::_exit(request && request->code == SIGUSR1 && request->reason == "signal 10" ? 0 : 2);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}
