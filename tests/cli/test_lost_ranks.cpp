// Ranks under the real mpirun that die and stop: the others end, with a line that names them, and keel launch goes on
// with what is left.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>
#include <utility>

#include "distributed/mpi/mpi_communicator.h"
#include "distributed/rank_failure.h"
#include "tests/cli/run_keel.h"
#include "tests/cli/small_run.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using keel::test::contains;
using keel::test::KeelProcess;
using keel::test::ProgramResult;
using keel::test::read_text;
using keel::test::TemporaryFolder;

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr int kRanks = 4;

/// The process of a rank of the run in `out`; 0 where there is none.
pid_t process_of(int rank, const std::string& out) {
    const std::string variable = keel::test::rank_variable() + "=" + std::to_string(rank);
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
        const std::string name = entry.path().filename().string();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        if (read_text(entry.path() / "cmdline").find(out) == std::string::npos) continue;
        const std::string environment = '\0' + read_text(entry.path() / "environ");
        if (environment.find('\0' + variable + '\0') != std::string::npos) return std::stoi(name);
    }
    return 0;
}

/// Waits up to 60 s.
template <class Condition>
bool until(Condition condition) {
    for (const auto end = Clock::now() + 60s; Clock::now() < end; std::this_thread::sleep_for(20ms))
        if (condition()) return true;
    return false;
}

/// keel launch of four ranks that train for long.
std::vector<std::string> command(const std::string& data, const std::string& out,
                                 const std::vector<std::string>& launch, const std::vector<std::string>& train,
                                 const std::string& start_limit = "60") {
    std::vector<std::string> words{"launch",          "--ranks",  std::to_string(kRanks),
                                   "--oversubscribe", "--mpirun", keel::test::mpirun_program()};
    words.insert(words.end(), launch.begin(), launch.end());
    words.emplace_back("--");
    std::vector<std::string> more{"--start-limit", start_limit, "--heartbeat",  "2",
                                  "--threads",     "1",         "--batch-size", "2"};
    more.insert(more.end(), train.begin(), train.end());
    const std::vector<std::string> run = keel::test::train_command(data, out, more);
    words.insert(words.end(), run.begin(), run.end());
    return words;
}

/// Hydra may kill the other ranks before one of them has said which was lost.
bool cut_short_by_hydra(const ProgramResult& result) {
    return keel::test::rank_variable() == "PMI_RANK" &&
           result.err.find(" died, last heard of at") == std::string::npos &&
           result.out.find("EXIT CODE: 9") != std::string::npos;
}

/// A signal hits a rank, `delay` after its run has come to `phase`; all must end within 30 s and say who it was.
/// Returns whether they had the time to.
bool check_lost(const std::string& data, const TemporaryFolder& folder, int victim, int signal,
                const std::string& phase, std::chrono::milliseconds delay) {
    CAPTURE(victim, signal, phase, delay.count());
    const std::string out = folder / "run";
    fs::remove_all(out);
    // A rank that is lost before the others know it is missed by the limit alone; else a busy machine may take long to
    // start.
    KeelProcess process(
        command(data, out, {"--max-restarts", "0"}, {"--epochs", "100000"}, phase == "starting" ? "10" : "60"));
    pid_t target = 0;
    REQUIRE(until([&] { return (target = process_of(victim, out)) != 0; }));
    if (phase == "training") REQUIRE(until([&] { return fs::exists(out + "/metrics.jsonl"); }));
    if (phase == "opened") REQUIRE(until([&] { return fs::exists(out + "/log.txt"); }));
    std::this_thread::sleep_for(delay);
    const auto start = Clock::now();
    REQUIRE(::kill(target, signal) == 0);
    const auto result = process.wait();
    const std::chrono::duration<double> seconds = Clock::now() - start;
    INFO(result.err);
    CHECK(result.code != 0);
    CHECK(seconds.count() < 30);
    for (int rank = 0; rank < kRanks; ++rank) CHECK(process_of(rank, out) == 0);
    if (phase == "starting") return true;  // before the ranks know each other mpirun alone can say who it was
    if (signal == SIGKILL && cut_short_by_hydra(result)) return false;
    CHECK_THAT(result.err, contains("rank " + std::to_string(victim) + " on ") &&
                               contains(signal == SIGKILL ? " died, last heard of at" : " is silent for"));
    return true;
}

bool is_skipped() {
    if (keel::test::has_mpirun()) return false;
    WARN("skipped: no MPI");
    return true;
}

}  // namespace

TEST_CASE("A rank that is killed or stopped while it trains ends all, with a line that names it", "[ranks]") {
    if (is_skipped()) return;
    const TemporaryFolder folder;
    const std::string data = keel::test::draw_phantom(folder);
    check_lost(data, folder, 2, SIGKILL, "training", 0ms);
    check_lost(data, folder, 0, SIGSTOP, "training", 0ms);
}

TEST_CASE("A rank that is killed or stopped in any phase ends all", "[ranks][slow]") {
    if (is_skipped()) return;
    const TemporaryFolder folder;
    const std::string data = keel::test::draw_phantom(folder);
    int jobs = 0, cut_short = 0;
    for (const int signal : {SIGKILL, SIGSTOP})
        for (const int victim : {0, 3}) {
            check_lost(data, folder, victim, signal, "starting", 0ms);
            // Forward, backward, sums, validation and saving follow each other within a second.
            for (const auto& [phase, delay] : {std::pair{"opened", 100ms},
                                               {"training", 50ms},
                                               {"training", 300ms},
                                               {"training", 700ms},
                                               {"training", 1100ms}}) {
                ++jobs;
                cut_short += !check_lost(data, folder, victim, signal, phase, delay);
            }
        }
    CHECK(cut_short < jobs / 4);  // half of them are killed
}

TEST_CASE("A job that is frozen as a whole for longer than any limit goes on", "[ranks][slow]") {
    if (is_skipped()) return;
    const TemporaryFolder folder;
    const std::string data = keel::test::draw_phantom(folder), out = folder / "run";
    KeelProcess process(command(data, out, {"--max-restarts", "0"}, {"--epochs", "4", "--deadline", "3"}));
    REQUIRE(until([&] { return fs::exists(out + "/metrics.jsonl"); }));
    std::vector<pid_t> ranks;
    for (int rank = 0; rank < kRanks; ++rank) ranks.push_back(process_of(rank, out));
    for (const int signal : {SIGSTOP, SIGCONT}) {
        for (const pid_t rank : ranks) REQUIRE((rank > 0 && ::kill(rank, signal) == 0));
        if (signal == SIGSTOP) std::this_thread::sleep_for(6s);
    }
    const auto result = process.wait();
    INFO(result.err);
    CHECK(result.code == 0);
}

TEST_CASE("keel launch goes on from the last checkpoint with the ranks that are left", "[ranks][slow]") {
    if (is_skipped()) return;
    const TemporaryFolder folder;
    const std::string data = keel::test::draw_phantom(folder), out = folder / "run";
    KeelProcess process(command(data, out, {"--json"}, {"--epochs", "12"}));
    REQUIRE(until([&] { return fs::exists(out + "/checkpoints/last.safetensors"); }));
    const pid_t target = process_of(1, out);
    REQUIRE((target > 0 && ::kill(target, SIGKILL) == 0));
    const auto result = process.wait();
    INFO(result.err);
    CHECK(result.code == 0);
    if (cut_short_by_hydra(result))
        CHECK_THAT(result.err, contains("with 4 ranks"));
    else
        CHECK_THAT(result.err,
                   contains("rank 1 on ") && contains("with 3 ranks") &&
                       contains("resumed on 3 ranks in place of 4: images a step of all ranks were 8, are 6"));
    CHECK_THAT(result.out, contains("\"restarts\":1"));
    std::ifstream metrics(out + "/metrics.jsonl");
    int epochs = 0;
    for (std::string line; std::getline(metrics, line);) ++epochs;
    CHECK(epochs == 12);
}
