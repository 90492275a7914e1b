#include "train/trainer_state.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>

#include "engine/json.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;

namespace {

TrainerState sample_state() {
    TrainerState state;
    state.epoch = 3;
    state.step = 123456789012;
    state.sample_offset = 77;
    state.seed = std::numeric_limits<std::uint64_t>::max();
    state.best_metric = 0.1 + 0.2;
    state.plateau = {0.1 * 0.1, true, 1.0 / 3, 4};
    state.config = "[train]\nlr = 0.1 # \"caf\u00e9\"\n";
    state.loss_sum = 0.1;
    state.loss_samples = 5;
    state.bad_images = 1;
    state.divergent = 2;
    state.ranks = 4;
    state.epochs_since_best = 6;
    state.recorded_step = 123456789000;
    state.data = "ab12";
    state.judged_epochs = 2;
    state.began = {16, 3};
    state.steps_vary = true;
    state.computed_with = {2, "avx2", "2.6.3 (OpenMP)", true, "bf16"};
    return state;
}

}  // namespace

TEST_CASE("A run's state comes back with every bit", "[train]") {
    std::map<std::string, std::string> metadata;
    write_trainer_state(sample_state(), metadata);
    const TrainerState state = read_trainer_state(metadata, "last"), wanted = sample_state();
    CHECK(state.epoch == wanted.epoch);
    CHECK(state.step == wanted.step);
    CHECK(state.sample_offset == wanted.sample_offset);
    CHECK(state.seed == wanted.seed);
    CHECK(state.best_metric == wanted.best_metric);
    CHECK(state.plateau == wanted.plateau);
    CHECK(state.config == wanted.config);
    CHECK(state.loss_sum == wanted.loss_sum);
    CHECK(state.loss_samples == wanted.loss_samples);
    CHECK(state.bad_images == wanted.bad_images);
    CHECK(state.divergent == wanted.divergent);
    CHECK(state.ranks == wanted.ranks);
    CHECK(state.epochs_since_best == wanted.epochs_since_best);
    CHECK(state.recorded_step == wanted.recorded_step);
    CHECK(state.data == wanted.data);
    CHECK(state.judged_epochs == wanted.judged_epochs);
    CHECK(state.began == wanted.began);
    CHECK(state.steps_vary == wanted.steps_vary);
    CHECK(state.computed_with == wanted.computed_with);
}

TEST_CASE("A state that an earlier Keel wrote lacks the size of its steps", "[train]") {
    std::map<std::string, std::string> metadata;
    write_trainer_state(sample_state(), metadata);
    Json trainer = parse_json(metadata["keel.trainer"]);
    for (const char* key : {"judged_epochs", "began", "steps_vary", "computed_with"}) trainer.erase(key);
    metadata["keel.trainer"] = json_text(trainer);
    const TrainerState state = read_trainer_state(metadata, "old");
    CHECK((state.began.images() == 0 && state.computed_with.threads == 0 && state.ranks == 4));
}

TEST_CASE("Sizes of steps that cannot be are refused", "[train]") {
    std::map<std::string, std::string> good;
    write_trainer_state(sample_state(), good);
    const auto refused = [&](auto change) {
        Json trainer = parse_json(good["keel.trainer"]);
        change(trainer);
        auto bad = good;
        bad["keel.trainer"] = json_text(trainer);
        CHECK_THROWS_WITH(read_trainer_state(bad, "f.st"), test::contains("f.st") && test::contains("keel.trainer"));
    };
    refused([](Json& t) { t["began"]["batch"] = 0; });
    refused([](Json& t) { t["began"]["batch"] = INT64_MAX; });
    refused([](Json& t) { t["began"]["ranks"] = -1; });
    refused([](Json& t) { t["began"].erase("ranks"); });
    refused([](Json& t) { t["began"] = 3; });
    refused([](Json& t) { t["ranks"] = 0; });
    refused([](Json& t) { t["epochs_since_best"] = -1; });
    refused([](Json& t) { t["judged_epochs"] = -1; });
    refused([](Json& t) { t["steps_vary"] = "yes"; });
    refused([](Json& t) { t["computed_with"].erase("isa"); });
}

TEST_CASE("The mean loss of an epoch without samples is no number", "[train]") {
    CHECK(std::isnan(TrainerState{}.mean_loss()));
    CHECK(sample_state().mean_loss() == 0.1 / 5);
}

TEST_CASE("A state that is missing or malformed names the file and the key", "[train]") {
    std::map<std::string, std::string> good;
    write_trainer_state(sample_state(), good);
    for (const char* key : {"keel.epoch", "keel.step", "keel.sample_offset", "keel.seed", "keel.best_metric"})
        for (const char* value : {"", "x", "1x", " 1", "nan", "99999999999999999999999", "-1e999"}) {
            INFO(key << " = " << value);
            auto bad = good;
            bad[key] = value;
            if (std::string(key) == "keel.best_metric" && std::string(value) == "99999999999999999999999") continue;
            CHECK_THROWS_WITH(read_trainer_state(bad, "f.st"), test::contains("f.st") && test::contains(key));
        }
    for (const char* key : {"keel.epoch", "keel.step", "keel.sample_offset", "keel.seed", "keel.plateau", "keel.config",
                            "keel.trainer"}) {
        auto bad = good;
        bad.erase(key);
        CHECK_THROWS_WITH(read_trainer_state(bad, "f.st"), test::contains("f.st") && test::contains(key));
    }
    good.erase("keel.best_metric");
    CHECK(!read_trainer_state(good, "f.st").best_metric);
    good["keel.plateau"] = "[[[[";
    CHECK_THROWS_AS(read_trainer_state(good, "f.st"), InputError);
}
