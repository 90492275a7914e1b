#include "cli/train_options.h"

#include <CLI/CLI.hpp>
#include <string>

#include "engine/files.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::cli;
using keel::test::holds;
using keel::test::TemporaryFolder;

namespace {

/// What `keel train LINE` would be configured to; the required options are filled in.
TrainConfig parse(std::vector<std::string> line, const std::string& resumed = "") {
    CLI::App app;
    add_train_options(app);
    for (const char* word : {"--model", "resnet18", "--data", "phantom:d", "--out", "run"}) line.emplace_back(word);
    app.parse(std::vector<std::string>(line.rbegin(), line.rend()));  // CLI11 takes the words last first
    return read_train_config(app, resumed.empty() ? TomlSource{} : read_toml(resumed));
}

/// The message of the UsageError that `call` throws; empty if it throws none.
template <class Call>
std::string usage_error(Call&& call) {
    try {
        call();
    } catch (const UsageError& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("Flags outdo --set, --set outdoes the file, the file outdoes the run resumed and the defaults", "[config]") {
    const TemporaryFolder folder;
    const std::string file = folder / "a.toml", resumed = folder / "b.toml";
    write_file_atomically(file, "lr = 0.2\nepochs = 2\nbatch_size = 2\n");
    write_file_atomically(resumed, "lr = 0.1\nepochs = 1\nbatch_size = 1\nmax_steps = 1\n");

    const TrainConfig config = parse({"--config", file, "--set", "lr=0.3", "epochs=3", "--lr", "0.4"}, resumed);
    CHECK(config.lr == 0.4);
    CHECK(config.epochs == 3);
    CHECK(config.batch_size == 2);
    CHECK(config.max_steps == 1);
    CHECK(config.workers == TrainConfig{}.workers);
    CHECK(config.model == "resnet18");
}

TEST_CASE("Every kind of value can be given as a flag and as a key", "[config]") {
    const TrainConfig flags = parse({"--small-stem", "--no-flip", "--seed", "7", "--max-steps", "1e4", "--milestones",
                                     "3,6", "--mean", "0.5,0.25,1", "--optimizer=sgd", "--weight-decay", "0"});
    CHECK(flags.small_stem);
    CHECK_FALSE(flags.flip);
    CHECK(flags.seed == 7);
    CHECK(flags.max_steps == 10000);
    CHECK(flags.milestones == std::vector<std::int64_t>{3, 6});
    CHECK(flags.mean == std::vector<float>{0.5F, 0.25F, 1.0F});
    CHECK(flags.optimizer == "sgd");
    CHECK(flags.weight_decay == 0.0);

    TrainConfig keys;
    apply_toml(
        keys,
        "small_stem = true\nflip = false\nseed = 7\nmax_steps = 10000\nmilestones = [3, 6]\nmean = [0.5, 0.25, 1]\n"
        "optimizer = 'sgd'\nweight_decay = 0\nmodel = 'resnet18'\ndata = 'phantom:d'\nout = 'run'\n",
        "run.toml");
    CHECK(to_toml(keys) == to_toml(flags));
    CHECK(parse({"--mean", "0.5", "--set", "mean=0.25"}).mean == std::vector<float>{0.5F});
    CHECK(parse({"--mean", "auto"}).mean.empty());
}

TEST_CASE("An assignment by --set names the key, and has a value", "[config]") {
    CHECK(holds(usage_error([] { parse({"--set", "epoch=3"}); }), "--set: unknown key 'epoch'"));
    CHECK(holds(usage_error([] { parse({"--set", "epochs"}); }), "KEY=VALUE"));
}

TEST_CASE("A configuration file that is not there or too large", "[config]") {
    const TemporaryFolder folder;
    CHECK_THROWS_AS(parse({"--config", folder / "none.toml"}), IoError);
    write_file_atomically(folder / "large.toml", std::string((1 << 20) + 1, '#'));
    CHECK_THROWS_AS(parse({"--config", folder / "large.toml"}), InputError);
}

TEST_CASE("What is missing is named, and what contradicts itself refused", "[config]") {
    CLI::App app;
    add_train_options(app);
    app.parse(std::vector<std::string>{"d", "--data"});
    CHECK(holds(usage_error([&] { read_train_config(app); }), "--model NAME is required"));
    CHECK(holds(usage_error([] { parse({"--schedule", "step"}); }), "milestones"));
}

TEST_CASE("Of a flag that is given twice the last counts", "[train_options]") {
    CLI::App app;
    add_dataset_options(app);
    app.parse(
        std::vector<std::string>{"5", "--split-seed", "14", "--bit-depth", "9", "--split-seed", "12", "--bit-depth"});
    CHECK(read_dataset_options(app).split_seed == 5);
    CHECK(read_dataset_options(app).bit_depth == 14);
    const ImageReading model{.bit_depth = 10, .exif_rotation = false};
    CLI::App predict;
    add_image_reading_options(predict);
    predict.parse(std::vector<std::string>{"--no-keep-16-bits"});
    const ImageReading read = read_image_reading(predict, model);
    CHECK((read.bit_depth == 10 && !read.exif_rotation && !read.keep_16_bits));
}

TEST_CASE("Commands that only read data take the options that say how", "[train_options]") {
    CLI::App app;
    add_dataset_options(app);
    app.parse(std::vector<std::string>{"7", "--split-seed", "0", "--test-fraction", "0.25", "--val-fraction"});
    const DatasetOptions options = read_dataset_options(app);
    CHECK(options.val_fraction == 0.25);
    CHECK(options.test_fraction == 0);
    CHECK(options.split_seed == 7);
    for (const auto& [flag, value] : {std::pair{"--val-fraction", "1"}, {"--split-seed", "-1"}})
        CHECK_THROWS_AS(app.parse(std::vector<std::string>{value, flag}), CLI::ValidationError);
}
