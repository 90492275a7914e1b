#include "train/config_file.h"

#include <cmath>
#include <limits>
#include <set>
#include <string>

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using keel::test::contains;
using namespace std::string_literals;

namespace {

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

TEST_CASE("A path that is not UTF-8 comes back to the byte", "[config]") {
    TrainConfig config;
    config.data = "medmnist:/data/r\xf6ntgen/100%\"\\.npz\n";
    config.out = "/runs/r\xc3\xb6ntgen";  // which is
    const std::string text = to_toml(config);
    CHECK_THAT(text, contains("data = { bytes = \"medmnist:/data/r%F6ntgen/100%25%22%5C.npz%0A\" }"));
    CHECK_THAT(text, contains("out = '/runs/r\xc3\xb6ntgen'"));
    TrainConfig back;
    apply_toml(back, text, "config.toml");
    CHECK(back.data == config.data);
    CHECK(back.out == config.out);
    CHECK(changes_that_matter(config, back).empty());
    CHECK_THROWS_AS(apply_toml(back, "data = { bytes = \"r%F\" }", "x"), InputError);
    CHECK_THROWS_AS(apply_toml(back, "lr = { bytes = \"r\" }", "x"), UsageError);
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
    CHECK_THAT(error, contains("run.toml:2"));
    CHECK_THAT(error, contains(wanted));
    CHECK_THAT(error, contains(came));
}

TEST_CASE("Whole numbers are read to the digit or refused, in lists as alone", "[config]") {
    const std::string odd = "9007199254740993", even = "9007199254740992";  // 2^53 + 1, which a double makes 2^53
    TrainConfig config;
    apply_toml(config, "milestones = [3, " + odd + "]\nseed = " + odd + "\nmax_steps = " + odd + "\n", "run.toml");
    CHECK(config.milestones == std::vector<std::int64_t>{3, 9007199254740993});
    CHECK((config.seed == 9007199254740993U && config.max_steps == 9007199254740993));
    TrainConfig back;
    apply_toml(back, to_toml(config), "config.toml");
    CHECK(back.milestones == config.milestones);
    CHECK_NOTHROW(check_train_config(config));
    for (const std::string& text : {odd, "9223372036854775807"s}) {
        apply_text(config, "milestones", text, "--set");
        CHECK(config.milestones == std::vector<std::int64_t>{std::stoll(text)});
        apply_text(config, "milestones", "4," + text, "--set");
        CHECK(config.milestones == std::vector<std::int64_t>{4, std::stoll(text)});
    }
    // A number with a point is a double when it comes: nobody knows which whole number it was.
    for (const std::string& text : {odd + ".0", even + ".0", "1e17"s}) {
        CHECK_THAT(toml_error("milestones = [" + text + "]"),
                   contains("milestones must be") && contains("a list of whole numbers"));
        CHECK_THAT(toml_error("seed = " + text), contains("seed must be a whole number"));
        CHECK_THAT(usage_error([&] { apply_text(config, "milestones", "4," + text, "--set"); }),
                   contains("a list of whole numbers"));
    }
    CHECK_THAT(toml_error("milestones = [9223372036854775808]"), contains("run.toml:1"));  // beyond 64 bits
    CHECK_THAT(toml_error("epochs = 9007199254740993"), contains("epochs must be a whole number"));
    apply_toml(config, "milestones = [9007199254740991.0]\nmean = [1, 0.5]\n", "run.toml");
    CHECK(config.milestones == std::vector<std::int64_t>{9007199254740991});
    CHECK(config.mean == std::vector<float>{1, 0.5F});
}

TEST_CASE("An unknown key of a file or of --set is named with its place and the nearest key", "[config]") {
    CHECK_THAT(toml_error("lr = 1\nbatchsize = 4\n"),
               contains("run.toml:2") && contains("'batchsize'") && contains("'batch_size'"));
    CHECK_THAT(toml_error("[train]\nlr = 1\n"), contains("run.toml:1: unknown key 'train'"));
    TrainConfig config;
    CHECK_THAT(usage_error([&] { apply_text(config, "epoch", "3", "--set"); }),
               contains("--set") && contains("'epochs'"));
}

TEST_CASE("TOML that is no TOML is refused with its line", "[config]") {
    CHECK_THAT(toml_error("lr = \n"), contains("run.toml:1"));
    CHECK_THAT(toml_error("lr = 1\nlr = 2\n"), contains("run.toml:2"));
}

TEST_CASE("What changed is listed, but for what may", "[config]") {
    TrainConfig before, now;
    now.threads = before.threads + 3;
    now.epochs = before.epochs + 1;
    now.out = "elsewhere";
    CHECK(changes_that_matter(before, now).empty());
    now.lr = 0.25;
    now.model = "resnet18";
    CHECK(changes_that_matter(before, now) ==
          std::vector<std::string>{"model was '', is 'resnet18'", "lr was 0.001, is 0.25"});
    for (const auto& option : train_options())
        if (option.required) CHECK(may_change_on_resume(option.key) == (option.key == "out"));
}

TEST_CASE("A run's configuration of before there was a rule for splits keeps the splits that it had", "[config]") {
    const auto rule_of = [](const std::string& text) {
        TrainConfig config;
        apply_toml(config, text, "x.toml");
        return config.split_rule;
    };
    CHECK(rule_of("# The resolved configuration of a keel train run.\nmodel = \"resnet18\"\n") == "old");
    CHECK(rule_of("model = \"resnet18\"\n") == "stratified");  // somebody's own file
    CHECK(rule_of(to_toml({})) == "stratified");
    CHECK(rule_of("# The resolved configuration of a keel train run.\nsplit_rule = \"stratified\"\n") == "stratified");
}
