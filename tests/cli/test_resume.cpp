// keel train --resume: from where, with what, and what is refused.
#include <sys/wait.h>
#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "kernels/error.h"
#include "runs/run_recorder.h"
#include "tests/cli/run_keel.h"
#include "tests/cli/small_run.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/disk_faults.h"
#include "train/trainer.h"
#include "train/trainer_state.h"

using namespace keel;
using keel::test::contains;
using keel::test::fingerprint;
using keel::test::read_text;
using keel::test::run_keel;
using keel::test::TemporaryFolder;
using keel::test::train_command;
using keel::test::write_text;

namespace {

std::size_t lines(const std::string& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

std::vector<std::string> resume(const std::string& out, const std::vector<std::string>& more = {}) {
    std::vector<std::string> command{"train", "--out", out, "--resume", "auto", "--quiet"};
    command.insert(command.end(), more.begin(), more.end());
    return command;
}

TrainConfig small_config(const std::string& data, const std::string& out) {
    TrainConfig config;
    config.model = "resnet20";
    config.data = data;
    config.out = out;
    config.image_size = 32;
    config.batch_size = 8;
    config.epochs = 2;
    config.optimizer = "sgd";
    config.momentum = 0;
    config.time_limit = "none";
    return config;
}

/// Asks to stop after so many steps of a process; 0: never.
class StopAfter final : public TrainObserver {
public:
    explicit StopAfter(int steps) : left_(steps) {}
    void on_step(const StepReport&) override { --left_; }
    std::optional<StopRequest> should_stop(double) override {
        return left_ == 0 && asks_ ? std::optional(StopRequest{1, "the test"}) : std::nullopt;
    }

private:
    int left_;
    bool asks_ = left_ > 0;
};

/// Trains on from the newest checkpoint, as keel train --resume auto does, `steps` of them, if not 0.
TrainEnd train(const TrainConfig& config, int steps = 0) {
    RunDirectory directory(config.out, ExistingRun::resume, true);
    RunRecorder recorder(directory);
    StopAfter stop(steps);
    TrainObservers observers({&recorder, &stop});
    Trainer trainer(config, observers);
    if (const auto found = directory.checkpoints().newest()) trainer.resume(found->state, found->file);
    return trainer.run().end;
}

}  // namespace

TEST_CASE("A run that ends or stops after every step and goes on has the same weights to the bit", "[resume]") {
    const TemporaryFolder folder;
    const std::string data = test::draw_phantom(folder);
    TrainConfig config = small_config(data, folder / "whole");
    config.momentum = 0.9;
    config.batch_size = 11;
    config.schedule = "constant";  // a cosine's course depends on how many steps there shall be
    config.dropout = 0.2;
    config.rotate = 10;
    config.ema_decay = 0.9;
    REQUIRE(train(config) == TrainEnd::finished);
    const std::string whole_metrics = read_text(folder / "whole/metrics.csv");
    const std::int64_t whole_steps =
        read_trainer_state(Checkpoints(folder / "whole/checkpoints").newest()->state.metadata, "").step;
    REQUIRE(whole_steps > 4);
    const auto check_equal = [&](const std::string& file) {
        CHECK((fingerprint(config.out + file) == fingerprint(folder / "whole" + file)));
        CHECK(lines(read_text(config.out + "/metrics.csv")) == lines(whole_metrics));
        CHECK(lines(read_text(config.out + "/metrics.jsonl")) == lines(whole_metrics) - 1);
    };
    config.out = folder / "stopped";
    int stops = 0;
    while (train(config, 1) == TrainEnd::stopped) ++stops;
    CHECK(stops + 1 >= whole_steps);
    check_equal("/checkpoints/last.safetensors");
    check_equal("/checkpoints/best.safetensors");
    config.out = folder / "ended";
    for (config.max_steps = 1; config.max_steps <= whole_steps; config.max_steps += 2)
        REQUIRE(train(config) == TrainEnd::finished);
    config.max_steps = 0;
    REQUIRE(train(config) == TrainEnd::finished);
    check_equal("/checkpoints/last.safetensors");
}

TEST_CASE("Options that matter are refused when they change, and taken by force; others are free", "[resume]") {
    const TemporaryFolder folder;
    const std::string data = test::draw_phantom(folder), out = folder / "run";
    REQUIRE(run_keel(train_command(data, out, {"--max-steps", "2"})).code == 0);
    const auto refused = run_keel(resume(out, {"--lr", "0.5", "--batch-size", "4", "--workers", "1"}));
    CHECK(refused.code == 2);
    CHECK_THAT(refused.err, contains("last.safetensors") && contains("lr was 0.001, is 0.5") &&
                                contains("images a step of all ranks were 8, are 4") && contains("--force"));
    CHECK(refused.err.find("workers") == std::string::npos);
    CHECK(lines(read_text(out + "/metrics.csv")) == 2);  // a refusal changes nothing

    const auto forced = run_keel(resume(out, {"--lr", "0.5", "--force", "--max-steps", "4", "--json"}));
    INFO(forced.err);
    CHECK(forced.code == 0);
    CHECK_THAT(forced.err, contains("lr was 0.001, is 0.5"));
    CHECK_THAT(forced.out, contains("\"steps\":4"));
    // From now on 0.5 is the run's.
    CHECK(run_keel(resume(out, {"--max-steps", "5"})).code == 0);
    CHECK_THAT(read_text(out + "/config.toml"), contains("lr = 0.5"));

    const auto more =
        run_keel(resume(out, {"--max-steps", "0", "--epochs", "3", "--threads", "1", "--workers", "1", "--json"}));
    INFO(more.err);
    CHECK(more.code == 0);
    CHECK_THAT(more.out, contains("\"epochs\":3"));
    CHECK(lines(read_text(out + "/metrics.csv")) == 4);
    const std::string done = fingerprint(out + "/checkpoints/last.safetensors");
    CHECK(run_keel(resume(out)).code == 0);  // nothing is left to do
    CHECK(fingerprint(out + "/checkpoints/last.safetensors") == done);
    CHECK(lines(read_text(out + "/metrics.csv")) == 4);
}

TEST_CASE("A run whose folder --config or --set names is resumed as one that --out names", "[resume]") {
    const TemporaryFolder folder;
    const std::string out = folder / "run", config = folder / "run.toml";
    REQUIRE(run_keel(train_command(test::draw_phantom(folder), out, {"--max-steps", "1"})).code == 0);
    const std::string before = read_text(out + "/metrics.jsonl");
    write_text(config, "out = \"" + out + "\"\n");
    for (const std::vector<std::string>& names :
         {std::vector<std::string>{"--config", config}, {"--set", "out=" + out}}) {
        std::vector<std::string> command{"train", "--resume", "auto", "--quiet", "--max-steps", "1"};
        command.insert(command.end(), names.begin(), names.end());
        const auto resumed = run_keel(command);
        INFO(resumed.err);
        CHECK(resumed.code == 0);
        CHECK(read_text(out + "/metrics.jsonl") == before);  // nothing was left to do, and nothing was done again
    }
    const auto nowhere = run_keel({"train", "--resume", "auto", "--model", "resnet20"});
    CHECK(nowhere.code == 2);
    CHECK_THAT(nowhere.err, contains("--resume auto wants the run's folder"));
}

TEST_CASE("Other samples or labels than the checkpoint's are refused", "[resume]") {
    const TemporaryFolder folder;
    const std::string data = test::draw_phantom(folder), out = folder / "run";
    REQUIRE(run_keel(train_command(data, out, {"--max-steps", "2"})).code == 0);
    // The same set elsewhere is another --data, so this is about the samples alone.
    const std::string list = read_text(folder / "phantom/train_val_list.txt");
    REQUIRE(std::filesystem::remove(folder / ("phantom/images/" + list.substr(0, list.find('\n')))));
    const auto refused = run_keel(resume(out, {"--max-steps", "4"}));
    CHECK(refused.code == 2);
    CHECK_THAT(refused.err, contains("the samples of the data, or their labels"));
    CHECK(run_keel(resume(out, {"--max-steps", "4", "--force"})).code == 0);
}

TEST_CASE("--resume auto takes the newest checkpoint that verifies, and says which did not", "[resume]") {
    const TemporaryFolder folder;
    const std::string data = test::draw_phantom(folder), out = folder / "run",
                      last = out + "/checkpoints/last.safetensors";
    const auto never =
        run_keel(train_command(data, out, {"--resume", "auto"}));  // from the start, as there is nothing yet
    INFO(never.err);
    REQUIRE(never.code == 0);
    const std::string whole = fingerprint(last);
    std::filesystem::resize_file(last, std::filesystem::file_size(last) / 2);
    const auto resumed = run_keel(resume(out));
    INFO(resumed.err);
    CHECK(resumed.code == 0);
    CHECK_THAT(resumed.err, contains(last));
    CHECK(fingerprint(last) == whole);  // the second epoch was trained again

    for (const char* name : {"last", "previous", "best"})
        write_text(out + "/checkpoints/" + name + ".safetensors", "damaged");
    const auto refused = run_keel(resume(out));
    CHECK(refused.code == 3);
    CHECK_THAT(refused.err, contains("last.safetensors") && contains("previous.safetensors"));
    CHECK(run_keel(train_command(data, out, {"--force"})).code == 0);
    CHECK(fingerprint(last) == whole);
}

TEST_CASE("A run that was ended before its first checkpoint starts again with its own settings", "[resume]") {
    const TemporaryFolder folder;
    const std::string data = test::draw_phantom(folder), out = folder / "run";
    REQUIRE(run_keel(train_command(data, out, {"--max-steps", "1", "--lr", "0.02"})).code == 0);
    std::filesystem::remove_all(out + "/checkpoints");
    const auto again = run_keel(resume(out, {"--max-steps", "2"}));
    INFO(again.err);
    CHECK(again.code == 0);
    CHECK_THAT(read_text(out + "/config.toml"), contains("lr = 0.02"));
    CHECK(lines(read_text(out + "/metrics.csv")) == 2);
}

TEST_CASE("A save that fails is reported and tried again; the run ends well only if its end is saved", "[resume]") {
    const TemporaryFolder folder;
    const std::string data = test::draw_phantom(folder);
    TrainConfig config = small_config(data, folder / "run");
    const int fsync = static_cast<int>(test::Call::fsync), error = GENERATE(ENOSPC, EIO);
    SECTION("once") {
        const test::DiskFaultScope scope({.error = error, .only = fsync, .under = "run/checkpoints"});
        REQUIRE(train(config) == TrainEnd::finished);
        CHECK(scope.calls() > 1);
        CHECK_THAT(read_text(folder / "run/log.txt"), contains("is not saved") && contains(" error "));
        const auto found = Checkpoints(folder / "run/checkpoints").newest();
        REQUIRE(found);
        CHECK(read_trainer_state(found->state.metadata, "").epoch == 2);
        CHECK(std::filesystem::exists(folder / "run/checkpoints/best.safetensors"));
    }
    SECTION("for good") {
        config.epochs = 1;
        REQUIRE(train(config) == TrainEnd::finished);
        const std::string before = fingerprint(folder / "run/checkpoints/last.safetensors");
        config.epochs = 2;
        config.io_patience = 0.1;
        const test::DiskFaultScope scope({.at = 1, .error = error, .for_good = true, .only = fsync});
        CHECK_THROWS_AS(train(config), IoError);
        CHECK(fingerprint(folder / "run/checkpoints/last.safetensors") == before);
    }
}

TEST_CASE("A disk that fills up during a run loses nothing that was saved", "[resume]") {
    // A file system of its own size needs root, and a system that allows it (containers may not).
    const TemporaryFolder folder;
    const std::string disk = folder / "disk", data = test::draw_phantom(folder);
    std::filesystem::create_directory(disk);
    // Weights and moments of ResNet18 take 134 MB, so that the first checkpoint fits and the second does not.
    const std::string script = "mount -t tmpfs -o size=200m none '" + disk +
                               "' || exit 99; '" KEEL_BINARY "' train --model resnet18 --data '" + data + "' --out '" +
                               disk + "/run' --image-size 32 --batch-size 8 --epochs 3 --io-patience 0 2> '" +
                               (folder / "err") + "'; echo $? > '" + (folder / "code") + "'; cp -r '" + disk +
                               "/run' '" + (folder / "kept") + "'";
    write_text(folder / "script", script);
    const int status = std::system(("unshare -m sh '" + (folder / "script") + "' > /dev/null 2>&1").c_str());
    if (!std::filesystem::exists(folder / "code")) {
        WARN("no file system could be mounted here (status " << status << "): not tested");
        return;
    }
    const std::string err = read_text(folder / "err");
    INFO(err);
    CHECK(read_text(folder / "code") == "5\n");
    CHECK_THAT(err, contains("step 5 is not saved") || contains("step 8 is not saved"));
    CHECK_THAT(err, contains("No space left on device"));
    const auto found = Checkpoints(folder / "kept/checkpoints").newest();
    REQUIRE(found);
    CHECK(found->refused.empty());
    CHECK(read_trainer_state(found->state.metadata, "").epoch == 1);
    CHECK(lines(read_text(folder / "kept/metrics.csv")) == 4);
    // Elsewhere it goes on.
    const auto resumed = run_keel({"train", "--out", folder / "kept", "--resume", "auto", "--quiet", "--json"});
    INFO(resumed.err);
    CHECK(resumed.code == 0);
    CHECK_THAT(resumed.out, contains("\"epochs\":3"));
}
