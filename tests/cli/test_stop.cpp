// Signals: a run that is stopped anywhere and goes on ends as if nothing had happened.
#include <chrono>
#include <csignal>
#include <random>
#include <thread>

#include "tests/cli/run_keel.h"
#include "tests/cli/small_run.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "train/checkpoints.h"
#include "train/trainer_state.h"

using keel::test::contains;
using keel::test::KeelProcess;
using keel::test::run_keel;
using keel::test::TemporaryFolder;

namespace {

using Clock = std::chrono::steady_clock;

/// Runs `command` to its end, stopped by SIGTERM at random times on the way and resumed; returns how often it was
/// stopped.
int run_with_stops(std::vector<std::string> command, std::mt19937& random, int most,
                   std::chrono::duration<double> whole) {
    std::uniform_real_distribution<double> share(0, 1);
    command.insert(command.end(), {"--resume", "auto"});
    int stops = 0;
    for (;;) {
        KeelProcess process(command);
        if (stops < most) {
            std::this_thread::sleep_for(whole * share(random));
            process.signal(SIGTERM);
        }
        const auto result = process.wait();
        INFO(result.err);
        if (result.code == 0) return stops;
        // The signal's own code: it came before the program could do anything about it.
        REQUIRE((result.code == 75 || result.code == 128 + SIGTERM));
        ++stops;
    }
}

/// Stopped and resumed at random, `runs` times for 1 and for 2 threads: the weights are those of the run that nobody
/// stopped.
void stop_and_compare(const std::string& data, const TemporaryFolder& folder, int runs, unsigned seed) {
    std::mt19937 random(seed);
    for (const char* threads : {"1", "2"}) {
        const std::vector<std::string> more{"--threads", threads,       "--dropout", "0.2",         "--rotate",
                                            "10",        "--ema-decay", "0.9",       "--optimizer", "adamw"};
        const std::string whole = folder / (std::string("whole") + threads);
        const auto start = Clock::now();
        REQUIRE(run_keel(keel::test::train_command(data, whole, more)).code == 0);
        std::chrono::duration<double> seconds = Clock::now() - start;
        int stops = 0;
        // The machine may be less busy than it was: if all came too late, the next come sooner.
        for (int run = 0; run < runs || stops == 0; ++run, seconds = stops == 0 ? seconds / 2 : seconds) {
            const std::string out = folder / ("stopped" + std::to_string(run) + threads);
            stops += run_with_stops(keel::test::train_command(data, out, more), random, 3, seconds);
            for (const char* file : {"/checkpoints/last.safetensors", "/checkpoints/best.safetensors"})
                CHECK(keel::test::fingerprint(out + file) == keel::test::fingerprint(whole + file));
            std::filesystem::remove_all(out);
        }
        CHECK(stops > 0);
    }
}

}  // namespace

TEST_CASE("A run that is stopped says so, saves, and its code tells a batch system", "[stop]") {
    const TemporaryFolder folder;
    const std::string data = keel::test::draw_phantom(folder);
    const int signal = GENERATE(SIGTERM, SIGUSR1, SIGHUP, SIGINT);
    const std::string out = folder / "run";
    KeelProcess process(keel::test::train_command(data, out, {"--epochs", "100000"}));
    for (int i = 0; i < 10000 && !std::filesystem::exists(out + "/checkpoints/last.safetensors"); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    // One wish that arrives several times: scancel --full, then the end of the time, systemd's groups.
    std::vector<int> wishes{signal, signal};
    if (signal != SIGINT) wishes.insert(wishes.end(), {SIGTERM, SIGUSR1, SIGUSR2, SIGINT});
    for (const int wish : wishes) process.signal(wish);
    const auto result = process.wait();
    INFO(result.err);
    // Of signals that are there at the same moment any thread takes any, whichever was sent first.
    CHECK((result.code == 75 || result.code == 130));
    if (signal == SIGINT) CHECK(result.code == 130);
    CHECK_THAT(result.err, contains("stopped by signal ") && contains("at step") && contains("--resume auto"));
    CHECK(std::filesystem::exists(out + "/report.html"));
    CHECK_FALSE(std::filesystem::exists(out + "/writer.lease"));
}

TEST_CASE("Twenty runs stopped at random and resumed end with the same weights to the bit", "[stop][slow]") {
    const TemporaryFolder folder;
    std::string data = keel::test::draw_phantom(folder);
    SECTION("from images") {}
    SECTION("from a pack") {
        REQUIRE(run_keel({"data", "pack", data, folder / "pack", "--size", "32", "--quiet"}).code == 0);
        data = "pack:" + (folder / "pack");
    }
    stop_and_compare(data, folder, 20, 8);
}

TEST_CASE("A run stops and saves before its time is over, and goes on", "[stop]") {
    const TemporaryFolder folder;
    const std::string data = keel::test::draw_phantom(folder), out = folder / "run";
    const auto stopped =
        keel::test::run_keel(keel::test::train_command(data, out, {"--epochs", "1000", "--time-limit", "0:02"}));
    INFO(stopped.err);
    CHECK(stopped.code == 75);
    CHECK_THAT(stopped.err, contains("stopped by its time limit at step") && contains("--resume auto"));
    const auto found = keel::Checkpoints(out + "/checkpoints").newest();
    REQUIRE(found);
    // A machine that is busy may have come to none.
    const std::int64_t steps = keel::read_trainer_state(found->state.metadata, "").step;
    const auto again = keel::test::run_keel({"train", "--out", out, "--resume", "auto", "--time-limit", "none",
                                             "--quiet", "--max-steps", std::to_string(steps + 3), "--json"});
    INFO(again.err);
    CHECK(again.code == 0);
    CHECK_THAT(again.out, contains("\"steps\":" + std::to_string(steps + 3)));
    const auto refused =
        keel::test::run_keel(keel::test::train_command(data, folder / "other", {"--time-limit", "soon"}));
    CHECK(refused.code == 2);
}

TEST_CASE("A run survives a stderr that is closed, or whose reader goes away, and its log has everything", "[stop]") {
    const TemporaryFolder folder;
    const std::string data = keel::test::draw_phantom(folder), out = folder / "run";
    const std::string script =
        GENERATE(as<std::string>{}, "exec \"$0\" \"$@\" 2>&-", "exec \"$0\" \"$@\" 2> >(exec true)");
    std::vector<std::string> command = keel::test::train_command(data, out, {"--tensorboard"});
    std::erase(command, "--quiet");
    KeelProcess process(command, {}, "", {"bash", "-c", script});
    const auto result = process.wait();
    CHECK(result.code == 0);
    const std::string log = keel::test::read_text(out + "/log.txt");
    for (const char* line : {" training and ", "epoch 1/2: ", "epoch 2/2: "}) CHECK_THAT(log, contains(line));
    CHECK(keel::Checkpoints(out + "/checkpoints").newest());
}

TEST_CASE("A signal while a run starts is not lost", "[stop]") {
    const TemporaryFolder folder;
    const std::string data = keel::test::draw_phantom(folder), out = folder / "run";
    // It comes as soon as the program catches it: bit 14 of what /proc says.
    KeelProcess process(
        keel::test::train_command(data, out, {"--epochs", "100000"}), {}, "",
        {"bash", "-c",
         "\"$0\" \"$@\" & p=$!; until [ $(( 0x$(sed -n 's/^SigCgt:\t//p' /proc/$p/status) & 0x4000 )) -ne 0 "
         "]; do :; done; kill -TERM $p; wait $p"});
    const auto result = process.wait();
    INFO(result.err);
    CHECK(result.code == 75);
    CHECK(std::filesystem::exists(out + "/checkpoints/last.safetensors"));
}
