// Runs on storage that fails for a while (tests/faults), with every error that network file systems give, in the data
// and in the run's folder: no image is left out, nothing but the work since the last save is lost, and what comes out
// in the end is to the bit what an undisturbed run gives.
#include <fmt/format.h>
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <sstream>

#include "tests/cli/run_keel.h"
#include "tests/cli/small_run.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "train/checkpoints.h"
#include "train/trainer_state.h"

using namespace keel;
using keel::test::Arguments;
using keel::test::contains;
using keel::test::fingerprint;
using keel::test::holds;
using keel::test::ProgramResult;
using keel::test::read_text;
using keel::test::run_keel;
using keel::test::TemporaryFolder;
using keel::test::train_command;

namespace {

constexpr int kErrors[] = {ESTALE, EIO, ENOSPC, EINTR, EAGAIN, ETIMEDOUT, EMFILE};

/// A storage's bad time: of the calls number `first` to `last`, `burst` of `every` fail.
struct BadTime {
    int first, last, every, burst;
    int error = 0;  ///< one of kErrors alone, from 1; 0: all in turn
    std::string calls = "all";

    Arguments environment(const std::string& below) const {
        std::string errors;
        for (const int one : kErrors) errors += (errors.empty() ? "" : ",") + std::to_string(one);
        return {"LD_PRELOAD=" KEEL_FAULTY_STORAGE,
                "KEEL_FAULTS_BELOW=" + below,
                "KEEL_FAULTS_CALLS=" + calls,
                "KEEL_FAULTS_ERRORS=" + (error > 0 ? std::to_string(kErrors[error - 1]) : errors),
                fmt::format("KEEL_FAULTS_FIRST={}", first),
                fmt::format("KEEL_FAULTS_LAST={}", last),
                fmt::format("KEEL_FAULTS_EVERY={}", every),
                fmt::format("KEEL_FAULTS_BURST={}", burst),
                "KEEL_FAULTS_REPORT=" + below + "/faults"};
    }
};

/// The columns of metrics.csv that no clock decides.
std::string results_of(const std::string& metrics) {
    std::istringstream lines(metrics);
    std::string results;
    for (std::string line; std::getline(lines, line);) {
        std::istringstream cells(line);
        int column = 0;
        for (std::string cell; std::getline(cells, cell, ','); ++column)
            if (column != 4 && column != 5 && column != 7) results += cell + ",";  // images a second, seconds, memory
        results += "\n";
    }
    return results;
}

std::int64_t newest_step(const std::string& run) {
    const auto found = Checkpoints(run + "/checkpoints").newest();
    return found ? read_trainer_state(found->state.metadata, found->file.string()).step : 0;
}

/// The run that nobody disturbs, and what the others share with it.
struct Undisturbed {
    TemporaryFolder folder;
    std::string data = test::draw_phantom(folder);

    Undisturbed() { REQUIRE(run_keel(command("whole", "0")).code == 0); }
    Arguments command(const std::string& run, const std::string& patience) const {
        return train_command(data, folder / run,
                             {"--resume", "auto", "--checkpoint-minutes", "0.0001", "--tensorboard", "--workers", "2",
                              "--max-bad", "0", "--io-patience", patience});
    }
    std::int64_t faults() const { return std::stoll(read_text(folder / "faults")); }
};

/// Trains through one bad time after another, and in peace where it still has not ended; returns how many calls failed.
std::int64_t train_through(const Undisturbed& whole, const std::vector<BadTime>& times, const std::string& patience) {
    const std::string run = whole.folder / "run";
    std::filesystem::remove_all(run);
    std::int64_t faults = 0;
    int code = 5;
    for (std::size_t i = 0; code != 0; ++i) {
        REQUIRE(i < times.size() + 2);
        const ProgramResult result =
            i < times.size() ? run_keel(whole.command("run", patience), times[i].environment(whole.folder.path()))
                             : run_keel(whole.command("run", patience));
        if (i < times.size()) faults += whole.faults();
        INFO("start " << i + 1 << ": " << result.err);
        code = result.code;
        REQUIRE((code == 0 || code == 5));
        CHECK_THAT(result.err, !contains("skipped"));
        CHECK_THAT(result.err, !contains("bug"));
        const std::string log = std::filesystem::exists(run + "/log.txt") ? read_text(run + "/log.txt") : "";
        // An epoch that was recorded was saved, or it was said that it was not.
        if (holds(log, "epoch 1/2: train loss") && !holds(log, "is not saved")) CHECK(newest_step(run) >= 3);
    }
    CHECK(fingerprint(run + "/checkpoints/last.safetensors") ==
          fingerprint(whole.folder / "whole/checkpoints/last.safetensors"));
    CHECK(results_of(read_text(run + "/metrics.csv")) == results_of(read_text(whole.folder / "whole/metrics.csv")));
    CHECK(std::ranges::count(read_text(run + "/metrics.jsonl"), '\n') == 2);
    return faults;
}

}  // namespace

TEST_CASE("A run on storage that fails now and then is the run on one that does not", "[faults]") {
    const Undisturbed whole;
    // All kinds of calls fail, one in seven, while the data are opened and the first images read.
    CHECK(train_through(whole, {{0, 400, 7, 1}}, "60") > 50);
    // All that concerns images fails for a while, longer than a retry at once takes.
    CHECK(train_through(whole, {{120, 132, 1, 1, 1, "open,read"}}, "60") == 12);
    // It fails for longer than anybody is ready to wait: the run ends, and goes on where it was.
    CHECK(train_through(whole, {{150, 100000, 1, 1, 2, "open,read,stat"}, {90, 100000, 1, 1, 1}}, "0.1") > 4);
    // Nothing can be saved for a while.
    CHECK(train_through(whole, {{20, 34, 1, 1, 3, "write,sync,rename,link"}}, "60") == 14);
}

TEST_CASE("Fifty runs, each on storage that fails in a way of its own", "[faults][slow]") {
    const Undisturbed whole;
    std::int64_t faults = 0;
    const std::vector<std::string> kinds{"all", "open,read,stat,list", "write,sync,rename,link,make", "open,read",
                                         "stat,list,make,rename,link"};
    for (int i = 0; i < 50; ++i) {
        const std::string& calls = kinds[static_cast<std::size_t>(i) % kinds.size()];
        const int every = 2 + i * 5 % 11, first = i * 197 % 3000, error = i % 8;
        std::vector<BadTime> times{{first, first + 60 * every, every, 1 + i % 2, error, calls}};
        if (i % 3 == 0) times.push_back({first / 2, first / 2 + 40, 1, 1, (i + 3) % 8, calls});
        if (i % 5 == 0) times.push_back({0, 3 + i % 7, 1, 1, (i + 5) % 8, calls});
        CAPTURE(i, calls, every, first, error);
        faults += train_through(whole, times, i % 3 == 0 ? "0.2" : "30");
    }
    CHECK(faults > 500);
}

TEST_CASE("Evaluations, predictions and packs wait for their storage, or end with 5", "[faults]") {
    const Undisturbed whole;
    const std::string best = whole.folder / "whole/checkpoints/best.safetensors",
                      images = whole.folder / "phantom/images";
    const std::vector<Arguments> commands{
        {"eval", "--checkpoint", best, "--data", whole.data, "--json", "--quiet"},
        {"predict", "--checkpoint", best, images, "--json"},
        {"data", "check", "--data", whole.data, "--json", "--quiet"},
        {"data", "pack", whole.data, whole.folder / "pack", "--size", "32", "--force", "--quiet"}};
    for (Arguments command : commands) {
        CAPTURE(command[0], command[1]);
        const ProgramResult peace = run_keel(command);
        REQUIRE((peace.code == 0 || peace.code == 3));  // a check may have findings
        const std::string index = command[1] == "pack" ? read_text(whole.folder / "pack/index.keelpack") : "";
        command.insert(command.end(), {"--io-patience", "60"});
        const ProgramResult flaky =
            run_keel(command, BadTime{0, 100000, 5, 1, 0, "open,read,stat,list"}.environment(whole.folder.path()));
        INFO(flaky.err);
        CHECK(flaky.code == peace.code);
        CHECK(flaky.out == peace.out);
        CHECK(whole.faults() > 5);
        if (command[1] == "pack") CHECK(read_text(whole.folder / "pack/index.keelpack") == index);
        command.back() = "0.1";
        const ProgramResult away =
            run_keel(command, BadTime{60, 1 << 30, 1, 1, 1, "open,read"}.environment(whole.folder.path()));
        INFO(away.err);
        CHECK(away.code == 5);
        CHECK_THAT(away.err, contains("Stale file handle; tried again for 0.1 s") && !contains("skipped"));
        if (command[1] == "pack") CHECK(read_text(whole.folder / "pack/index.keelpack") == index);
    }
}
