// keel tune: whole searches of a few seconds.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <thread>

#include "engine/json.h"
#include "tests/cli/run_keel.h"
#include "tests/cli/small_run.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

namespace fs = std::filesystem;

/// A search over a phantom set of forty images, rungs of one and two epochs.
class SmallSearch {
public:
    SmallSearch() : data_(draw_phantom(folder_)) {
        write_text(folder_ / "space.toml",
                   "lr = { log_uniform = [1e-3, 1] }\noptimizer = { choice = [\"sgd\", \"adamw\"] }\n"
                   "momentum = { uniform = [0, 0.9], when = { optimizer = \"sgd\" } }\n");
        write_text(folder_ / "base.toml",
                   "model = \"resnet20\"\ndata = \"" + data_ +
                       "\"\nimage_size = 32\nbatch_size = 8\nepochs = 2\nschedule = \"cosine\"\n");
    }

    Arguments command(const std::string& out, int trials, const Arguments& more = {}) const {
        Arguments line{"tune",
                       "--config",
                       folder_ / "base.toml",
                       "--space",
                       folder_ / "space.toml",
                       "--out",
                       folder_ / out,
                       "--trials",
                       std::to_string(trials),
                       "--eta",
                       "2",
                       "--threads",
                       "1"};
        if (std::ranges::find(more, "--parallel") == more.end()) line.insert(line.end(), {"--parallel", "2"});
        line.insert(line.end(), more.begin(), more.end());
        return line;
    }
    std::string operator/(const std::string& name) const { return folder_ / name; }

    /// The trials of a search but for what they cost.
    std::string trials(const std::string& out) const {
        std::istringstream lines(read_text(folder_ / (out + "/trials.jsonl")));
        std::string text;
        for (std::string line; std::getline(lines, line);) {
            Json row = parse_json(line);
            for (const char* cost : {"seconds", "core_hours", "kwh"}) row.erase(cost);
            text += json_text(row) + "\n";
        }
        return text;
    }

private:
    TemporaryFolder folder_;
    std::string data_;
};

/// Waits until a search's file holds so many outcomes.
void wait_for_outcomes(const std::string& state, std::size_t count) {
    for (int i = 0; i < 1200; ++i) {
        if (fs::exists(state) && count_of(read_text(state), "\"ending\"") >= count) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    FAIL("no outcome in a minute");
}

}  // namespace

TEST_CASE("keel tune finds a configuration that keel train takes, and after SIGKILL comes to the same", "[tune]") {
    const SmallSearch search;
    const ProgramResult whole = run_keel(search.command("whole", 3, {"--json"}));
    INFO(whole.err);
    REQUIRE(whole.code == 0);
    const Json result = parse_json(whole.out);
    CHECK((result["end"] == "finished" && result["trials"] == 3 && result["epochs"] == 2));
    CHECK(result["core_hours"].get<double>() > 0);
    CHECK(count_of(whole.err, "keel") == 0);  // no process had anything to say
    for (const char* file : {"trials.csv", "best.toml", "report.html", "tune.jsonl"})
        CHECK(fs::exists(search / "whole/" + file));

    // The best trial was paused and went on: to the bit as if it had not been.
    const auto trial = result["best_trial"].get<int>();
    const std::string folder = search / ("whole/trials/000" + std::to_string(trial));
    const ProgramResult again =
        run_keel({"train", "--config", search / "whole/best.toml", "--out", search / "again", "--quiet"});
    INFO(again.err);
    REQUIRE(again.code == 0);
    CHECK(fingerprint(search / "again/checkpoints/best.safetensors") ==
          fingerprint(folder + "/checkpoints/best.safetensors"));

    KeelProcess killed(search.command("killed", 3));
    wait_for_outcomes(search / "killed/tune.jsonl", 1);
    killed.signal(SIGKILL);
    CHECK(killed.wait().code == 128 + SIGKILL);
    CHECK(run_keel({"tune", "--out", search / "killed", "--resume", "auto", "--quiet"}).code == 0);
    CHECK(search.trials("killed") == search.trials("whole"));

    const ProgramResult refused = run_keel(search.command("whole", 3));
    CHECK((refused.code == 2 && holds(refused.err, "--resume auto goes on with it")));
}

TEST_CASE("keel tune stops for a signal with 75, saved, and its budget can be raised", "[tune]") {
    const SmallSearch search;
    KeelProcess stopped(search.command("search", 2, {"--method", "full", "--search", "random"}));
    for (int i = 0; i < 1200 && !fs::exists(search / "search/trials/0001.toml"); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stopped.signal(SIGTERM);
    const ProgramResult first = stopped.wait();
    INFO(first.err);
    CHECK((first.code == 75 && holds(first.out, "stopped by signal 15")));
    const ProgramResult second =
        run_keel({"tune", "--out", search / "search", "--resume", "auto", "--trials", "3", "--json"});
    INFO(second.err);
    REQUIRE(second.code == 0);
    CHECK(parse_json(second.out)["trials"] == 3);
    CHECK(count_of(search.trials("search"), "\"complete\"") == 3);
}

TEST_CASE("keel tune without a trial that can begin ends with what they say", "[tune]") {
    const SmallSearch search;
    const ProgramResult none = run_keel(search.command("none", 2, {"--set", "data=phantom:/nowhere", "--quiet"}));
    CHECK((none.code == 3 && holds(none.err, "none of 2 trials has a score") && holds(none.err, "/nowhere")));
    const ProgramResult metric = run_keel(search.command("metric", 2, {"--metric", "val_f1", "--quiet"}));
    CHECK((metric.code == 2 && holds(metric.err, "has no column 'val_f1', but ")));
}

TEST_CASE("Trials of two ranks are steps of mpirun", "[tune][slow]") {
    if (!has_mpirun()) return;
    const SmallSearch search;
    const ProgramResult result = run_keel(search.command(
        "ranks", 2,
        {"--ranks", "2", "--parallel", "1", "--set", "batch_size=4", "--oversubscribe", "--mpirun", mpirun_program()}));
    INFO(result.err);
    CHECK(result.code == 0);
    CHECK(holds(read_text(search / "ranks/trials/0000/log.txt"), "on each of 2 ranks"));
}

TEST_CASE("A search killed at twenty moments comes to the same trials, scores and winner", "[tune][slow]") {
    const SmallSearch search;
    const auto begin = std::chrono::steady_clock::now();
    REQUIRE(run_keel(search.command("whole", 5, {"--quiet"})).code == 0);
    const std::chrono::duration<double> lasts = std::chrono::steady_clock::now() - begin;
    for (int moment = 0; moment < 20; ++moment) {
        const std::string out = "killed" + std::to_string(moment);
        KeelProcess killed(search.command(out, 5, {"--quiet"}));
        std::this_thread::sleep_for(lasts * (moment + 0.5) / 21);
        killed.signal(SIGKILL);
        killed.wait();
        Arguments line = search.command(out, 5, {"--quiet", "--resume", "auto"});
        const ProgramResult resumed = run_keel(line);
        INFO(out << ": " << resumed.err);
        CHECK(resumed.code == 0);
        CHECK(search.trials(out) == search.trials("whole"));
        CHECK(read_text(search / (out + "/best.toml")).find("# Trial ") != std::string::npos);
    }
}
