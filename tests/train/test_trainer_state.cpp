#include "train/trainer_state.h"

#include <cmath>
#include <limits>
#include <map>

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
