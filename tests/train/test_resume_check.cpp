#include "train/resume_check.h"

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "train/config_file.h"

using namespace keel;
using keel::test::contains;

namespace {

TrainerState earlier(std::int64_t epoch, std::int64_t step, std::int64_t offset, TrainConfig config = {}) {
    TrainerState state;
    state.epoch = epoch;
    state.step = step;
    state.sample_offset = offset;
    state.ranks = 2;
    config.batch_size = 4;
    state.config = to_toml(config);
    return state;
}

}  // namespace

TEST_CASE("An earlier Keel's state counts patience in epochs, and knows the size of its steps", "[resume_check]") {
    TrainConfig config;
    config.eval_every = 3;
    TrainerState state = earlier(7, 7 * 3, 0, config);
    state.epochs_since_best = 2;
    state.plateau = {1, true, 0.5, 1};
    count_in_epochs(state, "old", 20);
    CHECK(state.began == StepSize{4, 2});
    CHECK(state.judged_epochs == 6);
    CHECK(state.epochs_since_best == 6);
    CHECK(state.plateau.bad_epochs == 3);
    CHECK_FALSE(state.steps_vary);

    const TrainerState once = state;
    count_in_epochs(state, "new", 20);  // today's are left as they are
    CHECK((state.epochs_since_best == once.epochs_since_best && state.plateau == once.plateau));

    state = earlier(1, 3, 0, config);
    state.epochs_since_best = 1000;
    count_in_epochs(state, "old", 20);
    CHECK(state.epochs_since_best == 1);  // no more than there were
}

TEST_CASE("An earlier Keel's steps that do not fit their epochs had another size", "[resume_check]") {
    const auto vary = [](TrainerState state) {
        count_in_epochs(state, "old", 20);  // three steps an epoch
        return state.steps_vary;
    };
    CHECK_FALSE(vary(earlier(0, 0, 0)));
    CHECK_FALSE(vary(earlier(2, 8, 16)));
    CHECK_FALSE(vary(earlier(2, 9, 20)));
    CHECK(vary(earlier(2, 11, 16)));
    CHECK(vary(earlier(2, 5, 0)));
    CHECK(vary(earlier(INT64_MAX, INT64_MAX, INT64_MAX)));
}

TEST_CASE("As many images a step are the same run; others are refused, or taken where ranks came or went",
          "[resume_check]") {
    const TrainerState then = earlier(1, 3, 0);
    const auto changes = [&](std::int64_t batch, int ranks, bool elastic) {
        TrainConfig now;
        now.batch_size = batch;
        now.elastic = elastic;
        return changes_since(then, "file", now, ranks, then.data);
    };
    CHECK((changes(4, 2, false).refused.empty() && !changes(4, 2, false).images_changed));
    CHECK((changes(4, 2, false).allowed.empty()));
    CHECK((changes(8, 1, false).refused.empty() && !changes(8, 1, false).images_changed));
    REQUIRE(changes(8, 1, false).allowed.size() == 1);
    CHECK_THAT(changes(8, 1, false).allowed[0],
               contains("1 ranks in place of 2, with as many images") && contains("8 images of a rank in place of 4"));
    REQUIRE(changes(4, 1, false).refused.size() == 1);
    CHECK_THAT(changes(4, 1, false).refused[0], contains("images a step of all ranks were 8, are 4"));
    CHECK((changes(4, 3, true).refused.empty() && changes(4, 3, true).images_changed));
    REQUIRE(changes(4, 3, true).allowed.size() == 1);
    CHECK_THAT(changes(4, 3, true).allowed[0], contains("3 ranks in place of 2"));
    CHECK(changes(5, 3, true).refused.size() == 1);
}
