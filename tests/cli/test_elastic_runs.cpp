// keel train --elastic: the program, stopped by signals and started again by mpirun with other numbers of ranks.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "kernels/cpu.h"
#include "tests/cli/run_keel.h"
#include "tests/cli/small_run.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using keel::test::contains;
using keel::test::has_mpirun;
using keel::test::KeelProcess;
using keel::test::ProgramResult;
using keel::test::TemporaryFolder;

namespace {

constexpr int kEpochs = 60;

/// mpirun of so many ranks; keel alone for one.
std::vector<std::string> launcher_of(int ranks, const std::string& script = "") {
    if (ranks == 1) return {};
    return keel::test::mpirun(ranks, script);
}

std::vector<std::string> elastic_command(const std::string& data, const std::string& out,
                                         const std::vector<std::string>& schedule) {
    std::vector<std::string> more{
        "--batch-size", "2", "--epochs", std::to_string(kEpochs), "--elastic", "--resume", "auto", "--eval-every", "7",
        "--threads",    "1"};
    more.insert(more.end(), schedule.begin(), schedule.end());
    return keel::test::train_command(data, out, more);
}

/// The columns of the epoch and of its rate, as the file has them.
std::vector<std::string> rates_in(const std::string& out) {
    std::istringstream lines(keel::test::read_text(out + "/metrics.csv"));
    std::vector<std::string> rates;
    for (std::string line; std::getline(lines, line);) {
        const auto epoch = line.find(','), step = line.find(',', epoch + 1), lr = line.find(',', step + 1);
        rates.push_back(line.substr(0, epoch) + line.substr(step, lr - step));
    }
    return rates;
}

}  // namespace

TEST_CASE(
    "A run stopped at twenty random moments and resumed on 1, 2, 1, 3 ranks has the epochs and rates of one that "
    "nobody stopped",
    "[elastic][slow]") {
    if (!has_mpirun()) return;
    const TemporaryFolder folder;
    const std::string data = keel::test::draw_phantom(folder), whole = folder / "whole", out = folder / "run";
    const auto schedule = GENERATE(std::vector<std::string>{"--schedule", "cosine", "--warmup-steps", "50"},
                                   std::vector<std::string>{"--schedule", "step", "--milestones", "20,50"});
    REQUIRE(KeelProcess(elastic_command(data, whole, schedule)).wait().code == 0);
    const std::vector<std::string> wanted = rates_in(whole);
    REQUIRE(wanted.size() == kEpochs + 1);

    constexpr int kRanks[] = {1, 2, 1, 3};
    std::mt19937 random(9);
    std::uniform_int_distribution<int> wait_ms(0, 1500);
    int stops = 0;
    for (int start = 0;; ++start) {
        KeelProcess process(elastic_command(data, out, schedule), {"OMP_NUM_THREADS=1"}, "",
                            launcher_of(kRanks[stops % 4]));
        if (stops < 20) {
            std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms(random)));
            process.signal(SIGUSR1);
        }
        const ProgramResult result = process.wait();
        INFO(result.err);
        if (result.code == 0) break;
        // The signal's own code: it came before the program, or mpirun, could do anything about it.
        REQUIRE((result.code == 75 || result.code == 128 + SIGUSR1));
        if (result.code == 75) ++stops;
        REQUIRE(start < 1000);
    }
    INFO(stops << " stops");
    CHECK(rates_in(out) == wanted);
}

TEST_CASE("Ranks of different instruction sets compute with the common one, and say so", "[ranks]") {
    if (!has_mpirun() || keel::available_isas().size() < 2) return;
    const TemporaryFolder folder;
    const std::string data = keel::test::draw_phantom(folder), out = folder / "run";
    const std::string best = keel::available_isas().back().name;
    const auto run = [&](std::vector<std::string> more) {
        more.insert(more.end(), {"--batch-size", "4", "--epochs", "1", "--threads", "1", "--force"});
        return KeelProcess(keel::test::train_command(data, out, more), {"OMP_NUM_THREADS=1", "KEEL_ISA=" + best}, "",
                           launcher_of(2, "test $RANK = 1 && export KEEL_ISA=scalar; exec \"$0\" \"$@\""))
            .wait();
    };
    const ProgramResult settled = run({});
    INFO(settled.err);
    CHECK(settled.code == 0);  // each epoch ends with a comparison of all ranks' weights
    CHECK_THAT(settled.err,
               contains("rank 1 computes with scalar, rank 0 with " + best + ": all ranks compute with scalar"));
    const ProgramResult refused = run({"--reproducible"});
    CHECK(refused.code == 2);
    CHECK_THAT(refused.err, contains("--reproducible wants one instruction set; set KEEL_ISA=scalar"));
}

TEST_CASE("What would change a resumed run's weights without a word is told, or refused", "[resume]") {
    const TemporaryFolder folder;
    const std::string data = keel::test::draw_phantom(folder), out = folder / "run";
    const auto refused = keel::test::run_keel(
        keel::test::train_command(data, out, {"--reproducible", "--tuning", folder / "tuning.json"}));
    CHECK(refused.code == 2);
    CHECK_THAT(refused.err, contains("--reproducible does not go with --tuning"));

    const std::string best = keel::available_isas().back().name;
    REQUIRE(keel::test::run_keel(keel::test::train_command(data, out, {"--threads", "2", "--max-steps", "1"}),
                                 {"KEEL_ISA=" + best})
                .code == 0);
    const auto resumed = keel::test::run_keel(
        {"train", "--out", out, "--resume", "auto", "--max-steps", "2", "--threads", "1", "--quiet"},
        {"KEEL_ISA=scalar"});
    INFO(resumed.err);
    CHECK(resumed.code == 0);
    CHECK_THAT(resumed.err, contains("resumed with 1 thread in place of 2") && contains("last bits"));
    if (best != "scalar") CHECK_THAT(resumed.err, contains("resumed on scalar in place of " + best));
}
