#include "tune/space.h"

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "train/config_file.h"
#include "tune/space_json.h"

using namespace keel;
using namespace keel::test;

namespace keel::tune {

using test::contains;

namespace {

constexpr const char* kSpace = R"(
batch_size = { log_integer = [16, 256] }
lr = { log_uniform = [1e-4, 0.1] }
milestones = { choice = [[3, 6], [4]], when = { schedule = "step" } }
momentum = { uniform = [0.5, 0.99], when = { optimizer = ["sgd", "lars"] } }
optimizer = { choice = ["sgd", "adamw", "lars"] }
schedule = { choice = ["cosine", "step"] }
step_gamma = { uniform = [0.1, 0.5], when = { schedule = "step", optimizer = "sgd" } }
)";

constexpr double kAbsent = std::numeric_limits<double>::quiet_NaN();

Space space_of(const std::string& text) { return read_space(text, "space.toml", TrainConfig()); }

struct Refused {
    const char *text, *message;
};

}  // namespace

TEST_CASE("A space has parents before those that depend on them, else its keys in order", "[tune]") {
    const Space space = space_of(kSpace);
    std::vector<std::string> keys;
    for (const Parameter& parameter : space.parameters) keys.push_back(parameter.key);
    // In one pass over the keys: milestones and momentum wait for schedule and optimizer.
    CHECK(keys == std::vector<std::string>{"batch_size", "lr", "optimizer", "schedule", "step_gamma", "milestones",
                                           "momentum"});
    CHECK((space.parameters[0].whole && space.parameters[0].logarithmic && space.parameters[0].high == 256));
    CHECK((!space.parameters[1].whole && space.parameters[1].logarithmic));
    CHECK(space.parameters[5].choices == std::vector<std::string>{"3,6", "4"});
    CHECK(space.parameters[6].when == std::vector<Condition>{{2, {0, 2}}});
    CHECK(space.parameters[4].when.size() == 2);
}

TEST_CASE("A point is what its conditions let be there, and becomes options and JSON and back", "[tune]") {
    const Space space = space_of(kSpace);
    const Point step{64, 0.01, 0, 1, 0.25, 1, 0.5}, plain{16, 0.1, 1, 0, kAbsent, kAbsent, kAbsent};
    CHECK((holds(space, step) && holds(space, plain)));
    CHECK_FALSE(holds(space, Point{64, 0.01, 1, 0, kAbsent, kAbsent, 0.5}));      // momentum without sgd
    CHECK_FALSE(holds(space, Point{64, 0.01, 0, 0, kAbsent, kAbsent, kAbsent}));  // sgd without momentum
    CHECK_FALSE(holds(space, Point{64.5, 0.1, 1, 0, kAbsent, kAbsent, kAbsent}));
    CHECK_FALSE(holds(space, Point{64, 0.2, 1, 0, kAbsent, kAbsent, kAbsent}));
    CHECK_FALSE(holds(space, Point{64, 0.1, 3, 0, kAbsent, kAbsent, kAbsent}));
    CHECK_FALSE(holds(space, Point{64}));
    CHECK((same(step, step) && same(plain, plain) && !same(step, plain)));

    TrainConfig config;
    apply(space, step, config);
    CHECK((config.batch_size == 64 && config.lr == 0.01 && config.optimizer == "sgd" && config.momentum == 0.5));
    CHECK((config.milestones == std::vector<std::int64_t>{4} && config.step_gamma == 0.25));
    for (const Point& point : {step, plain}) {
        const Json json = to_json(space, point);
        CHECK(same(read_point(space, parse_json(json_text(json))), point));
    }
    CHECK(json_text(to_json(space, plain)) == R"({"batch_size":16,"lr":0.1,"optimizer":"adamw","schedule":"cosine"})");
    for (const auto& [text, message] : std::vector<Refused>{{"[]", "wanted an object"},
                                                            {R"({"lr": 1})", "may be 0.0001 to 0.1, not 1"},
                                                            {R"({"lr": "1"})", "may be 0.0001 to 0.1"},
                                                            {R"({"optimizer": "adam"})", "has no choice"},
                                                            {R"({"optimizer": 1})", "has no choice"},
                                                            {R"({"x": 1})", "no parameter 'x'"},
                                                            {R"({"lr": 0.1})", "do not go together"}}) {
        CHECK_THROWS_AS(read_point(space, parse_json(text)), InputError);
        CHECK_THROWS_WITH(read_point(space, parse_json(text)), contains(message));
    }
}

TEST_CASE("Whole numbers that no double holds are choices to the digit", "[tune]") {
    const Space space = space_of(
        "milestones = { choice = [[3, 9007199254740993], [9007199254740993]] }\n"
        "seed = { choice = [9007199254740993, 9223372036854775807] }\n");
    REQUIRE(space.parameters.size() == 2);
    CHECK(space.parameters[0].choices == std::vector<std::string>{"3,9007199254740993", "9007199254740993"});
    TrainConfig config;
    apply(space, {0, 0}, config);
    CHECK(config.milestones == std::vector<std::int64_t>{3, 9007199254740993});
    CHECK(config.seed == 9007199254740993U);
    apply(space, {1, 1}, config);
    CHECK(config.milestones == std::vector<std::int64_t>{9007199254740993});
    CHECK(config.seed == 9223372036854775807U);
}

TEST_CASE("Parameters of a program's own are part of a point, and no options", "[tune]") {
    const Space space = space_of(
        "layers = { integer = [1, 4], own = true }\n"
        "lr = { uniform = [0.1, 1], when = { shape = \"wide\" } }\n"
        "shape = { choice = [\"deep\", \"wide\"], own = true }\n");
    const Point wide{3, 1, 0.5}, deep{2, 0, kAbsent};
    CHECK((holds(space, wide) && holds(space, deep)));
    CHECK(value_texts(space, wide) ==
          std::map<std::string, std::string>{{"layers", "3"}, {"lr", "0.5"}, {"shape", "wide"}});
    CHECK(value_texts(space, deep) == std::map<std::string, std::string>{{"layers", "2"}, {"shape", "deep"}});
    TrainConfig config, untouched;
    apply(space, wide, config);
    CHECK(config.lr == 0.5);
    apply(space, deep, untouched);
    CHECK(to_toml(untouched) == to_toml(TrainConfig()));
    CHECK(same(read_point(space, to_json(space, wide)), wide));
}

TEST_CASE("A space that cannot be searched is refused by its line", "[tune]") {
    const std::vector<Refused> rows{
        {"", "the space has no parameters"},
        {"lr = [", "space.toml:1: "},
        {"lr = { uniform = [0.1, }", "space.toml:1: "},
        {"\nlr = 0.1", "space.toml:2: lr must be a table"},
        {"lr = { }", "must have one of choice, uniform"},
        {"lr = { uniform = [0.1, 1], choice = [1] }", "not choice and uniform"},
        {"lr = { log_unifrom = [0.1, 1] }", "no kind of range, did you mean 'log_uniform'?"},
        {"lr = { uniform = [0.1] }", "wanted two numbers"},
        {"lr = { uniform = [0.1, \"1\"] }", "wanted two numbers"},
        {"lr = { uniform = [1, 0.1] }", "LOW below HIGH, not 1 and 0.1"},
        {"lr = { uniform = [1, 1] }", "LOW below HIGH"},
        {"lr = { uniform = [0.1, inf] }", "wanted finite numbers"},
        {"lr = { uniform = [nan, 1] }", "wanted finite numbers"},
        {"lr = { uniform = [-1.7e308, 1.7e308] }", "wanted finite numbers"},
        {"lr = { log_uniform = [0, 1] }", "begins above 0, not at 0"},
        {"lr = { uniform = [0, 1] }", "lr must be a number above 0, not 0"},
        {"momentum = { uniform = [0, 1] }", "momentum must be a number 0 to below 1, not 1"},
        {"batch_size = { integer = [1.5, 8] }", "has whole ends, not 1.5"},
        {"batch_size = { integer = [1, 1e300] }", "has whole ends"},
        {"seed = { integer = [1, 9007199254740993] }", "has whole ends"},  // which a double would make even
        {"milestones = { choice = [[3, 9007199254740993.0]] }", "a list of whole numbers"},
        {"lr = { uniform = [0.1, 1], own = true }", "lr is an option of keel train, no parameter of the program's own"},
        {"width = { integer = [1, 2] }", "unknown key 'width'"},
        {"width = { integer = [1, 2], own = false }", "unknown key 'width'"},
        {"width = { integer = [1, 2], own = 1 }", "width: own must be true or false"},
        {"width = { own = true }", "must have one of choice, uniform"},
        {"\"a b\" = { integer = [1, 2], own = true }", "'a b': a parameter of the program's own is called by 1 to 64"},
        {"\"\" = { integer = [1, 2], own = true }", "is called by 1 to 64 letters"},
        {"epochs = { integer = [1, 2], own = true }", "epochs is not for a search to choose"},
        {"width = { choice = [\"a\\nb\"], own = true }", "a choice is a text without control characters"},
        {"batch_size = { uniform = [1, 8] }", "batch_size must be a whole number"},
        {"optimizer = { choice = [] }", "wanted a list of 1 to 1000 choices"},
        {"optimizer = { choice = \"sgd\" }", "wanted a list of 1 to 1000 choices"},
        {"optimizer = { choice = [\"sgd\", \"sgd\"] }", "sgd is there twice"},
        {"optimizer = { choice = [\"sgd\", \"adma\"] }", "did you mean 'adam'?"},
        {"optimizer = { choice = [{ a = 1 }] }", "a choice is a text, a number"},
        {"optimizer = { uniform = [0, 1] }", "optimizer must be sgd"},
        {"learning_rate = { uniform = [0.1, 1] }", "unknown key 'learning_rate'"},
        {"epochs = { integer = [1, 9] }", "epochs is not for a search to choose"},
        {"data = { choice = [\"nih:a\"] }", "scores of different data are not compared"},
        {"pause_after = { integer = [1, 9] }", "the rungs say where trials pause"},
        {"lr = { uniform = [0.1, 1], when = { optimizer = \"sgd\" } }", "'optimizer' is no other choice"},
        {"lr = { uniform = [0.1, 1], when = { lr = 1 } }", "'lr' is no other choice"},
        {"lr = { uniform = [0.1, 1], when = 1 }", "when must be a table"},
        {"lr = { uniform = [0.1, 1], when = { optimizer = \"lars\" } }\noptimizer = { choice = [\"sgd\"] }",
         "'lars' is none of the choices of optimizer"},
        {"loss = { choice = [\"ce\"], when = { optimizer = \"sgd\" } }\n"
         "optimizer = { choice = [\"sgd\"], when = { loss = \"ce\" } }",
         "in a ring"},
    };
    for (const auto& [text, message] : rows) {
        INFO(text);
        CHECK_THROWS_AS(space_of(text), UsageError);
        CHECK_THROWS_WITH(space_of(text), contains(message));
    }
    std::string many;
    for (int i = 0; i < 101; ++i) many += "x" + std::to_string(i) + " = { uniform = [0, 1] }\n";
    CHECK_THROWS_WITH(space_of(many), contains("101 parameters, at most 100"));
    CHECK_THROWS_AS(space_of("lr = " + std::string(100'000, '[')), UsageError);
}

}  // namespace keel::tune
