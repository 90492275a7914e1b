#include "cli/cluster/stop_observer.h"

#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include "cli/app.h"
#include "cli/cluster/signals.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/environment.h"

using namespace keel;
using namespace keel::cli;
using keel::test::contains;

namespace {

TrainResult stopped_by(const StopRequest& request) {
    TrainResult result;
    result.end = TrainEnd::stopped;
    result.stop = request;
    return result;
}

}  // namespace

TEST_CASE("A run is asked to stop once its time does not suffice for what comes next", "[stop]") {
    StopObserver free{TimeLimit()};
    CHECK_FALSE(free.should_stop(1e9));
    StopObserver hour{TimeLimit(3600)};
    CHECK_FALSE(hour.should_stop(10));
    const auto request = hour.should_stop(4000);
    REQUIRE(request);
    CHECK(request->code == 0);
    CHECK(request->reason == "its time limit");
    CHECK(exit_code_of(stopped_by(*request)) == kStoppedResumable);
}

TEST_CASE("A signal comes before the time limit, and its number with it", "[stop]") {
    CHECK(exit_code_of(stopped_by({SIGTERM, "signal 15"})) == kStoppedResumable);
    CHECK(exit_code_of(stopped_by({SIGINT, "signal 2"})) == kInterrupted);
    TrainResult ended;
    for (const auto& [end, code] : {std::pair{TrainEnd::finished, kSuccess},
                                    {TrainEnd::out_of_patience, kSuccess},
                                    {TrainEnd::paused, kStoppedResumable}}) {
        ended.end = end;
        CHECK(exit_code_of(ended) == code);
    }
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

TEST_CASE("A launcher that does not wait for a save is said once", "[stop]") {
    using keel::test::EnvironmentScope;
    const EnvironmentScope world("OMPI_COMM_WORLD_SIZE", "2"), four("OMPI_MCA_odls_base_sigkill_timeout", nullptr),
        five("PRTE_MCA_odls_base_sigkill_timeout", nullptr);
    CHECK(mpirun_grace() == 1.0);
    std::vector<std::string> said;
    const auto remark = [&](const std::string& text) { said.push_back(text); };
    StopObserver observer{TimeLimit(), remark};
    CHECK_FALSE(observer.should_stop(0.9));
    CHECK(said.empty());
    for (int i = 0; i < 3; ++i) CHECK_FALSE(observer.should_stop(9));
    REQUIRE(said.size() == 1);
    CHECK_THAT(said[0], contains("a step and a save may take 9.0 s, but mpirun kills its ranks 1 s after SIGTERM") &&
                            contains("--mca odls_base_sigkill_timeout 18"));
    {
        const EnvironmentScope longer("OMPI_MCA_odls_base_sigkill_timeout", "30");
        CHECK(mpirun_grace() == 30.0);
        StopObserver content{TimeLimit(), remark};
        CHECK_FALSE(content.should_stop(9));
    }
    const EnvironmentScope alone("OMPI_COMM_WORLD_SIZE", nullptr);
    CHECK_FALSE(mpirun_grace().has_value());
    StopObserver free{TimeLimit(), remark};
    CHECK_FALSE(free.should_stop(9));
    CHECK(said.size() == 1);
}
