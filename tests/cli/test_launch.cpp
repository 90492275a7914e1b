// keel launch: what it decides, and what it does with launchers that are scripts.
#include <sys/stat.h>

#include <chrono>
#include <thread>

#include <csignal>

#include "cli/app.h"
#include "cli/cluster/launch_plan.h"
#include "distributed/processes/child.h"
#include "kernels/error.h"
#include "tests/cli/run_keel.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel::cli;
using keel::Child;
using keel::FailedRank;
using keel::UsageError;
using keel::test::contains;
using keel::test::KeelProcess;
using keel::test::read_text;
using keel::test::run_keel;
using keel::test::TemporaryFolder;
using keel::test::write_text;
using Texts = std::vector<std::string>;

namespace {

/// A stand-in for mpirun: notes its words in `folder`/calls and then does what `body` says; $n is the number of the
/// call.
std::string fake_mpirun(const TemporaryFolder& folder, const std::string& body) {
    const std::string file = folder / "mpirun";
    write_text(file,
               "#!/bin/bash\ncd '" + folder.path() + "'\necho \"$@\" >> calls\nn=$(wc -l < calls)\n" + body + "\n");
    ::chmod(file.c_str(), 0700);
    return file;
}

}  // namespace

TEST_CASE("Hosts and the line that starts their ranks", "[launch]") {
    const std::vector<Host> hosts = parse_hosts("a:2,b", 3);
    CHECK(hosts == std::vector<Host>{{"a", 2}, {"b", 3}});
    CHECK(rank_count(hosts) == 5);
    CHECK(host_of(hosts, 1) == 0u);
    CHECK(host_of(hosts, 2) == 1u);
    CHECK_FALSE(host_of(hosts, 5).has_value());
    for (const char* bad : {":2", "a:", "a:0", "a:x", "a:2x", "a,,b", "a,a", "-x", "a b", "a:99999999999"})
        CHECK_THROWS_AS(parse_hosts(bad, 1), UsageError);
    const LaunchOptions options{.mpirun = {"mpirun", "-q"}, .keel = "/bin/keel", .command = {"train", "--out", "run"}};
    CHECK(launch_line(options, hosts) == Texts{"mpirun", "-q", "-np", "5", "--map-by", "slot", "--bind-to", "none",
                                               "--host", "a:2,b:3", "/bin/keel", "train", "--out", "run", "--resume",
                                               "auto", "--elastic"});
    const LaunchOptions own{.command = {"train", "--resume=x"}, .oversubscribe = true};
    CHECK(launch_line(own, {{"", 2}}) == Texts{"mpirun", "-np", "2", "--map-by", "slot", "--bind-to", "none",
                                               "--oversubscribe", "--mca", "mpi_yield_when_idle", "1", "keel", "train",
                                               "--resume=x"});
    CHECK(launch_line({.command = {"bench"}}, {{"", 1}}).back() == "bench");
}

TEST_CASE("What is worth a restart, and with which ranks", "[launch]") {
    const FailedRank second{.rank = 2, .host = "b"};
    CHECK(worth_restarting({kPeerLost, second}));
    CHECK(worth_restarting({137, {}}));
    CHECK(worth_restarting({kIoFailure, {}}));
    CHECK(worth_restarting({1, second}));
    for (const int code : {0, 1, 2, 3, 4, 75, 130}) CHECK_FALSE(worth_restarting({code, {}}));
    CHECK_FALSE(worth_restarting({kPeerLost, FailedRank{2, "b", kBadInput}}));
    CHECK(code_of({kPeerLost, FailedRank{2, "b", kBadInput}}) == kBadInput);
    CHECK(worth_restarting({kPeerLost, FailedRank{2, "b", kIoFailure}}));

    const std::vector<Host> hosts{{"a", 2}, {"b", 2}};
    CHECK(hosts_left(hosts, {69, second}, true, false) == std::vector<Host>{{"a", 2}, {"b", 1}});
    CHECK(hosts_left(hosts, {69, second}, true, true) == hosts);
    CHECK(hosts_left(hosts, {69, second}, false, true) == std::vector<Host>{{"a", 2}});
    CHECK(hosts_left(hosts, {137, {}}, true, false) == hosts);
    CHECK(hosts_left({{"", 1}}, {69, FailedRank{0, "x"}}, true, false).empty());
}

TEST_CASE("A lost rank is left out, and the run goes on", "[launch]") {
    const TemporaryFolder folder;
    const std::string mpirun = fake_mpirun(folder,
                                           "[ $n -le 2 ] && { echo \"keel train: [rank 0 on h] rank 1 on h died, last "
                                           "heard of at step 7\" >&2; exit 137; }\nexit 0");
    const auto result =
        run_keel({"launch", "--json", "--mpirun", mpirun + " -v", "--ranks", "4", "--", "train", "--model", "x"});
    INFO(result.err);
    CHECK(result.code == 0);
    const std::string calls = read_text(folder / "calls");
    CHECK_THAT(calls, contains("-v -np 4 --map-by slot --bind-to none") && contains("-np 3 ") && contains("-np 2 "));
    CHECK_THAT(calls, contains("train --model x --resume auto --elastic\n"));
    CHECK_THAT(result.err,
               contains("rank 1 on h died") && contains("restart 1 of 3 after exit code 137, with 3 ranks"));
    CHECK_THAT(result.out, contains("\"restarts\":2") && contains("\"failed_rank\":1") && contains("\"exit_code\":0"));
}

TEST_CASE("A host that cannot be reached is left out", "[launch]") {
    const TemporaryFolder folder;
    const std::string mpirun = fake_mpirun(folder,
                                           "case \"$*\" in *'--host b true') exit 1;; *a:2,b:2*) echo 'rank 3 on b is "
                                           "silent for 9 s' >&2; exit 69;; esac\nexit 0");
    const auto result = run_keel({"launch", "--mpirun", mpirun, "--hosts", "a:2,b:2", "--", "train"});
    CHECK(result.code == 0);
    CHECK_THAT(result.err, contains("b cannot be reached") && contains("with 2 ranks (a:2)"));
    CHECK_THAT(read_text(folder / "calls"), contains("-np 2 --map-by slot --bind-to none --host a:2 "));
}

TEST_CASE("Restarts end: by their number, by too few ranks, by what no restart mends", "[launch]") {
    const TemporaryFolder folder;
    const std::string lost = "echo 'rank 0 on h died' >&2; exit 69";
    CHECK(run_keel({"launch", "--mpirun", fake_mpirun(folder, lost), "--ranks", "2", "--same-ranks", "--max-restarts",
                    "1", "--", "train"})
              .code == 69);
    CHECK(read_text(folder / "calls").find("-np 2") != read_text(folder / "calls").rfind("-np 2"));
    const auto few =
        run_keel({"launch", "--mpirun", fake_mpirun(folder, lost), "--ranks", "2", "--min-ranks", "2", "--", "train"});
    CHECK(few.code == 69);
    CHECK_THAT(few.err, contains("1 ranks are left, --min-ranks asks for 2"));
    for (const int code : {2, 3, 4, 75}) {
        std::filesystem::remove(folder / "calls");
        CHECK(run_keel({"launch", "--mpirun", fake_mpirun(folder, "exit " + std::to_string(code)), "--ranks", "2", "--",
                        "train"})
                  .code == code);
        CHECK(read_text(folder / "calls").find('\n') == read_text(folder / "calls").rfind('\n'));
    }
    const auto bad =
        run_keel({"launch", "--mpirun",
                  fake_mpirun(folder, "echo 'rank 1 on h left early at step 2 with exit code 3' >&2; exit 69"),
                  "--ranks", "2", "--", "train"});
    CHECK(bad.code == 3);
}

TEST_CASE("A signal to the launcher asks the ranks to save and stop", "[launch]") {
    const TemporaryFolder folder;
    const int signal = GENERATE(SIGTERM, SIGINT, SIGUSR1);
    KeelProcess process(
        {"launch", "--ranks", "2", "--mpirun",
         fake_mpirun(folder,
                     "trap 'exit 75' USR1\ni=0\ntouch ready\nwhile [ $i -lt 600 ]; do sleep 0.1; i=$((i+1)); done"),
         "--", "train"});
    for (int i = 0; i < 6000 && !std::filesystem::exists(folder / "ready"); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    REQUIRE(std::filesystem::exists(folder / "ready"));
    process.signal(signal);
    CHECK(process.wait().code == (signal == SIGINT ? 130 : 75));
}

TEST_CASE("A launcher that is not there, and commands that are missing", "[launch]") {
    const auto gone = run_keel({"launch", "--mpirun", "/no/such/mpirun", "--ranks", "2", "--", "train"});
    CHECK(gone.code == 2);
    CHECK_THAT(gone.err, contains("keel launch: [launch] cannot start '/no/such/mpirun'"));
    CHECK(run_keel({"launch"}).code == 2);
    CHECK(run_keel({"launch", "--hosts", "a:x", "--", "train"}).code == 2);
}

TEST_CASE("A child's lines and end are seen though something else keeps its stderr open", "[launch]") {
    std::string lines;
    Child child({"bash", "-c", "echo one >&2; (sleep 30 &) ; printf two >&2; exit 3"});
    while (child.wait(std::chrono::milliseconds(50), [&](const std::string& line) { lines += line; })) {
    }
    CHECK(lines == "one\ntwo\n");
    CHECK(child.code() == 3);
    child.kill();
}
