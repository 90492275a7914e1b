#include <CLI/CLI.hpp>
#include <cmath>
#include <limits>
#include <set>
#include <string>

#include "cli/train_options.h"
#include "engine/files.h"
#include "engine/text.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::cli;
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

std::string toml_error(const std::string& text) {
    TrainConfig config;
    return usage_error([&] { apply_toml(config, text, "run.toml"); });
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("Each option is declared once, with a default that it allows", "[config]") {
    std::set<std::string_view> keys;
    for (const auto& option : train_options()) {
        INFO(option.key);
        CHECK(keys.insert(option.key).second);
        CHECK_FALSE(option.help.empty());
    }
    TrainConfig config;
    CHECK_NOTHROW(apply_toml(config, to_toml(TrainConfig{}), "defaults"));
    CHECK(to_toml(config) == to_toml(TrainConfig{}));
}

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

TEST_CASE("config.toml gives the configuration back", "[config]") {
    TrainConfig config;
    config.model = "a \"quoted\" \\ name, line\nbreak \x7f";
    config.data = "nih:/data/x-rays/\xc3\xa9";
    config.lr = 0.1 + 0.2;  // needs all 17 digits
    config.adam_eps = std::numeric_limits<double>::denorm_min();
    config.mean = {0.485F, 1.0F / 3.0F};
    config.seed = std::numeric_limits<std::int64_t>::max();
    TrainConfig back;
    apply_toml(back, to_toml(config), "config.toml");
    CHECK(back.model == config.model);
    CHECK(back.data == config.data);
    CHECK(back.lr == config.lr);
    CHECK(back.adam_eps == config.adam_eps);
    CHECK(back.mean == config.mean);
    CHECK(back.seed == config.seed);
    CHECK(to_toml(back) == to_toml(config));
}

TEST_CASE("A zero of either sign is the same configuration", "[config]") {
    TrainConfig config;
    apply_toml(config, "weight_decay = -0.0\nmean = [-0.0, 0.25, 0.5]\n", "config.toml");
    CHECK_FALSE(std::signbit(config.weight_decay));
    CHECK_FALSE(std::signbit(config.mean.at(0)));
    TrainConfig back;
    apply_toml(back, to_toml(config), "config.toml");
    CHECK(to_toml(back) == to_toml(config));
}

TEST_CASE("An unknown key is named with its place and the nearest key", "[config]") {
    const std::string error = toml_error("lr = 1\nbatchsize = 4\n");
    CHECK(contains(error, "run.toml:2"));
    CHECK(contains(error, "'batchsize'"));
    CHECK(contains(error, "'batch_size'"));
    CHECK(contains(toml_error("[train]\nlr = 1\n"), "run.toml:1: unknown key 'train'"));
    CHECK(contains(usage_error([] { parse({"--set", "epoch=3"}); }), "'epochs'"));
    CHECK(contains(usage_error([] { parse({"--set", "epochs"}); }), "KEY=VALUE"));
}

TEST_CASE("A value of the wrong type or out of range is refused with key, wish and value", "[config]") {
    const auto [line, wanted, came] = GENERATE(table<std::string, std::string, std::string>({
        {"epochs = 0", "epochs must be a whole number at least 1", "0"},
        {"epochs = 1.5", "a whole number", "1.5"},
        {"epochs = 2147483648", "a whole number", "2147483648"},
        {"epochs = 1e300", "a whole number", "1e+300"},
        {"epochs = '3'", "a whole number", "'3'"},
        {"epochs = true", "a whole number", "true"},
        {"epochs = [3]", "a whole number", "[3]"},
        {"seed = -1", "at least 0", "-1"},
        {"lr = 0", "lr must be a number above 0", "0"},
        {"lr = nan", "lr must be", "nan"},
        {"lr = inf", "lr must be", "inf"},
        {"momentum = 1", "0 to below 1", "1"},
        {"flip = 1", "true or false", "1"},
        {"flip = 'yes'", "true or false", "'yes'"},
        {"optimizer = 'adamv'", "sgd, adam, adamw", "did you mean 'adam"},
        {"optimizer = 3", "sgd, adam, adamw", "3"},
        {"model = 3", "a text", "3"},
        {"mean = [0.5, 2]", "'auto' or a list of numbers 0 to 1", "[0.5, 2]"},
        {"mean = ['a']", "a list of numbers", "list with other things"},
        {"mean = true", "a list of numbers", "true"},
        {"milestones = [1.5]", "a list of whole numbers", "[1.5]"},
        {"lr = {a = 1}", "a number", "a table"},
        {"lr = 1979-05-27", "a number", "a date"},
    }));
    const std::string error = toml_error("\n" + line + "\n");
    INFO(error);
    CHECK(contains(error, "run.toml:2"));
    CHECK(contains(error, wanted));
    CHECK(contains(error, came));
}

TEST_CASE("TOML that is no TOML, a file that is not there or too large", "[config]") {
    CHECK(contains(toml_error("lr = \n"), "run.toml:1"));
    CHECK(contains(toml_error("lr = 1\nlr = 2\n"), "run.toml:2"));
    const TemporaryFolder folder;
    CHECK_THROWS_AS(parse({"--config", folder / "none.toml"}), IoError);
    write_file_atomically(folder / "large.toml", std::string((1 << 20) + 1, '#'));
    CHECK_THROWS_AS(parse({"--config", folder / "large.toml"}), InputError);
}

TEST_CASE("What is missing or contradicts itself is refused", "[config]") {
    CHECK(contains(usage_error([] { parse({"--data", "d"}); }), "--model NAME is required"));
    CHECK(contains(usage_error([] { parse({"--schedule", "step"}); }), "milestones"));
    CHECK_NOTHROW(parse({"--schedule", "step", "--step-epochs", "3"}));
    CHECK(contains(usage_error([] { parse({"--milestones", "6,3"}); }), "3 came after 6"));
    CHECK(contains(usage_error([] { parse({"--optimizer", "sgd", "--nesterov", "--momentum", "0"}); }), "momentum"));
    CHECK(contains(usage_error([] { parse({"--lr", "0.1", "--min-lr", "0.2"}); }), "min_lr"));
}

TEST_CASE("Ranges", "[options]") {
    CHECK(from_to_below(0, 1).holds(0));
    CHECK_FALSE(from_to_below(0, 1).holds(1));
    CHECK(from_to(0, 1).holds(1));
    CHECK_FALSE(above(0).holds(0));
    CHECK_FALSE(NumberRange{}.holds(std::nan("")));
    CHECK_FALSE(at_least(0).holds(std::numeric_limits<double>::infinity()));
    CHECK(at_least(2).text() == "at least 2");
    CHECK(above(0).text() == "above 0");
    CHECK(from_to_below(0, 1).text() == "0 to below 1");
}

TEST_CASE("The nearest name", "[options]") {
    const std::vector<std::string> names{"train", "eval", "predict", "data"};
    CHECK(nearest("trian", names) == "train");
    CHECK(nearest("predct", names) == "predict");
    CHECK(nearest("dada", names) == "data");
    CHECK(nearest("quantize", names).empty());
    CHECK(nearest("", names).empty());
    CHECK(suggestion("evall", names) == ", did you mean 'eval'?");
    CHECK(flag_of("batch_size") == "--batch-size");
}
