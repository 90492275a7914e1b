// Trials as processes, whose program is a script here.
#include "tune/process_runner.h"

#include <sys/stat.h>

#include <cmath>
#include <filesystem>

#include "engine/files.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/tune/made_up_search.h"
#include "train/config_file.h"
#include "tune/trial_cost.h"
#include "tune/trial_score.h"

using namespace keel;
using namespace keel::test;

namespace keel::tune {

using test::contains;

namespace {

/// In place of keel: $out is the trial's folder, `script` what it does.
class Scripted {
public:
    explicit Scripted(const std::string& script, int retries = 1) {
        ProcessOptions options{.retries = retries};
        options.command = [script](int, const std::vector<std::string>& words) {
            std::vector<std::string> line{"bash", "-c",
                                          "while [ $# -gt 0 ]; do [ \"$1\" = --out ] && out=$2; shift; done\n"
                                          "mkdir -p \"$out/checkpoints\"; " +
                                              script,
                                          "keel"};
            line.insert(line.end(), words.begin(), words.end());
            return line;
        };
        options.say = [this](const std::string& text) { said += text + "\n"; };
        runner_ = std::make_unique<ProcessRunner>(std::move(options));
    }

    /// Starts a trial of nine epochs as far as `epochs`.
    void start(int epochs, int worker = 0) {
        TrainConfig config = made_up_config();
        config.out = folder_ / ("trials/000" + std::to_string(worker));
        runner_->start({.worker = worker, .job = {worker, 0}, .epochs = epochs, .config = config});
    }
    TrialEnd end() {
        for (int i = 0; i < 600; ++i)
            if (auto end = runner_->wait(0.1)) return *end;
        FAIL("a process of a script did not end in a minute");
        return {};
    }
    TrialEnd run(int epochs) {
        start(epochs);
        return end();
    }
    ProcessRunner& runner() { return *runner_; }
    std::string operator/(const std::string& name) const { return folder_ / name; }

    std::string said;

private:
    TemporaryFolder folder_;
    std::unique_ptr<ProcessRunner> runner_;
};

constexpr const char* kRow1 = "echo '{\"epoch\": 1, \"val_auc\": 0.7, \"val_loss\": 0.5}' >> \"$out/metrics.jsonl\"; ";
constexpr const char* kRow3 =
    "printf '{\"epoch\": 2, \"val_auc\": 0.9, \"val_loss\": 0.6}\\n{\"epoch\": 3, \"val_auc\": null, \"val_loss\": "
    "0.7}\\n' "
    ">> \"$out/metrics.jsonl\"; ";

}  // namespace

TEST_CASE("A trial's score is the best of its metric until its rung", "[tune]") {
    const TemporaryFolder folder;
    const std::string run = folder.path();
    CHECK((read_trial_score(run, "auto", 9).epochs == 0 && std::isnan(read_trial_score(run, "auto", 9).best)));
    write_file_atomically(folder / "metrics.jsonl",
                          "{\"epoch\":1,\"val_auc\":0.7,\"val_loss\":0.5,\"val_none\":null}\n"
                          "{\"epoch\":2,\"val_auc\":0.9,\"val_loss\":0.6,\"val_none\":null}\n"
                          "{\"epoch\":3,\"val_auc\":0.8,\"val_loss\":0.4,\"val_none\":null}\n");
    CHECK((read_trial_score(run, "auto", 1).best == 0.7 && read_trial_score(run, "auto", 1).epochs == 1));
    CHECK((read_trial_score(run, "auto", 9).best == 0.9 && read_trial_score(run, "auto", 9).epochs == 3));
    CHECK((read_trial_score(run, "val_loss", 2).best == 0.5 && read_trial_score(run, "val_loss", 3).best == 0.4));
    CHECK(std::isnan(read_trial_score(run, "val_none", 3).best));
    CHECK_THROWS_WITH(read_trial_score(run, "val_f1", 3), contains("has no column 'val_f1', but val_auc, val_loss"));
    write_file_atomically(folder / "metrics.jsonl", "{\"epoch\":1,\"val_auc\":0.7,\"val_auroc_mean\":0.6}\n");
    CHECK(read_trial_score(run, "auto", 1).best == 0.6);
}

TEST_CASE("A process that pauses, or ends, at its rung has an outcome", "[tune]") {
    for (const char* end : {"exit 75", "exit 0"}) {
        Scripted script(std::string(kRow1) + kRow3 + end);
        const TrialEnd ended = script.run(3);
        REQUIRE(ended.outcome);
        CHECK((ended.outcome->ending == Ending::complete && ended.outcome->epochs == 3 && ended.outcome->score == 0.9));
        TrainConfig config;
        apply_toml(config, read_file(script / "trials/0000.toml", 1 << 20), "0000.toml");
        CHECK((config.pause_after == 3 && config.epochs == 9));
    }
    Scripted last(std::string(kRow1) + "exit 0");
    CHECK(last.run(9).outcome->score == 0.7);
    TrainConfig config;
    apply_toml(config, read_file(last / "trials/0000.toml", 1 << 20), "0000.toml");
    CHECK(config.pause_after == 0);
}

TEST_CASE("What a process ended with says what became of the trial", "[tune]") {
    struct Case {
        const char* script;
        Ending ending;
        const char* message;
    };
    for (const Case& c :
         {Case{"echo 'keel train: [nih] no data' >&2; exit 3", Ending::refused, "keel train: [nih] no data"},
          Case{"echo 'keel train: [config] x' >&2; exit 2", Ending::refused, "keel train: [config] x"},
          Case{"echo one >&2; echo; echo 'two\tthree' >&2; exit 4", Ending::diverged, "two three"},
          Case{"kill -9 $$", Ending::crashed, "exit code 137: "},
          Case{"echo '[memory] out of memory' >&2; exit 1", Ending::crashed, "exit code 1: [memory]"}}) {
        INFO(c.script);
        Scripted script(c.script);
        const TrialEnd ended = script.run(3);
        REQUIRE(ended.outcome);
        CHECK(ended.outcome->ending == c.ending);
        CHECK(contains(c.message).match(ended.outcome->message));
        CHECK(std::isnan(ended.outcome->score));
        CHECK(script.said.empty() == (c.ending != Ending::crashed));
    }
}

TEST_CASE("A process that crashes goes on once; storage that fails ends the search, who is stopped only waits",
          "[tune]") {
    Scripted once("[ -e \"$out/again\" ] || { touch \"$out/again\"; kill -9 $$; }; " + std::string(kRow1) + "exit 75");
    CHECK(once.run(1).outcome->score == 0.7);
    CHECK(contains("ended with 137: it goes on from its last checkpoint").match(once.said));
    Scripted full("echo 'keel train: [run] cannot write: No space left on device' >&2; exit 5");
    full.start(1);
    CHECK_THROWS_WITH(full.end(), contains("No space left on device"));
    Scripted saved("exit 75");
    CHECK_FALSE(saved.run(1).outcome);
    Scripted patient("trap 'exit 75' USR1; echo ready > \"$out/ready\"; while :; do sleep 0.05; done");
    patient.start(3);
    for (int i = 0; i < 600 && !std::filesystem::exists(patient / "trials/0000/ready"); ++i) patient.runner().wait(0.1);
    patient.runner().stop();
    CHECK_FALSE(patient.end().outcome);
}

TEST_CASE("A configuration that contradicts itself is refused without a process", "[tune]") {
    Scripted script("touch \"$out/started\"; exit 0");
    TrainConfig config = made_up_config();
    config.out = script / "trials/0000";
    config.min_lr = 1;
    script.runner().start({.job = {0, 0}, .epochs = 3, .config = config});
    const TrialEnd ended = script.end();
    REQUIRE(ended.outcome);
    CHECK((ended.outcome->ending == Ending::refused && contains("min_lr").match(ended.outcome->message)));
    CHECK_FALSE(std::filesystem::exists(script / "trials/0000/started"));
}

TEST_CASE("Of checkpoints those stay that a trial needs to go on, and the best", "[tune]") {
    const std::string touch = "touch \"$out/checkpoints/\"{best,last,previous}.safetensors; ";
    for (const int epochs : {3, 9}) {
        Scripted script(kRow1 + std::string(kRow3) + touch + "exit 0");
        script.run(epochs);
        script.runner().settled(0);
        const std::string folder = script / "trials/0000/checkpoints/";
        CHECK(std::filesystem::exists(folder + "best.safetensors"));
        CHECK_FALSE(std::filesystem::exists(folder + "previous.safetensors"));
        CHECK(std::filesystem::exists(folder + "last.safetensors") == (epochs == 3));
    }
    Scripted failed(touch + "exit 4");
    failed.run(3);
    failed.runner().settled(0);
    CHECK_FALSE(std::filesystem::exists(failed / "trials/0000/checkpoints/last.safetensors"));
}

TEST_CASE("A process that a killed search left is waited for", "[tune]") {
    Scripted script("[ -e \"$out/former\" ] && exit 1; " + std::string(kRow1) + "exit 75");
    // What such a process does, which has not come to its run's lease yet: it has the lock, and something to end.
    const std::string run = script / "trials/0000";
    std::filesystem::create_directories(run);
    write_file_atomically(run + "/former", "");
    Child former({"bash", "-c", "exec 9> \"$0.lock\"; flock 9; echo locked; sleep 0.5; rm \"$0/former\"", run},
                 ChildOutput::lines);
    bool locked = false;
    for (int i = 0; i < 600 && !locked; ++i)
        former.wait(std::chrono::milliseconds(100), [&](const std::string&) { locked = true; });
    REQUIRE(locked);
    CHECK(script.run(1).outcome->score == 0.7);
    CHECK(script.said.empty());
}

TEST_CASE("Two processes run side by side", "[tune]") {
    // Each waits for the other one's sign.
    Scripted script(
        "touch \"$out/here\"; for i in $(seq 1200); do [ -e \"$out/../0000/here\" ] && [ -e \"$out/../0001/here\" ] && "
        "{ " +
        std::string(kRow1) + "exit 75; }; sleep 0.05; done; exit 1");
    script.start(1, 0);
    script.start(1, 1);
    const TrialEnd first = script.end(), second = script.end();
    CHECK((first.outcome && second.outcome && first.worker != second.worker));
    CHECK((first.outcome->score == 0.7 && second.outcome->score == 0.7));
    const double before = script.runner().now();
    CHECK(script.runner().now() >= before);
}

TEST_CASE("Trials of larger models and images cost more", "[tune]") {
    const auto cost = epoch_cost();
    TrainConfig config = made_up_config();
    const double small = cost(config);
    config.image_size = 64;
    CHECK((cost(config) > 3 * small && cost(config) < 5 * small));
    config.model = "no such model";
    CHECK(cost(config) == 1);
}

}  // namespace keel::tune
