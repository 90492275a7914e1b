#include "train/run_course.h"

#include <limits>
#include <utility>

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "train/train_state.h"

using namespace keel;

namespace {

TrainConfig course_config(int epochs) {
    TrainConfig config;
    config.epochs = epochs;
    config.schedule = "cosine";
    config.lr = 0.5;
    return config;
}

TrainerState at(std::int64_t epoch, std::int64_t offset, std::int64_t step = 0) {
    TrainerState state;
    state.epoch = epoch;
    state.sample_offset = offset;
    state.step = step;
    return state;
}

double rate(const RunCourse& course, const TrainConfig& config, const TrainerState& state) {
    return learning_rate(course.schedule(config), course.next_step(state));
}

}  // namespace

TEST_CASE("Steps lie where epochs have them, the last one of an epoch smaller", "[run_course]") {
    const RunCourse course(course_config(3), 10, {4, 1}, {4, 1});
    CHECK(course.end() == 30);
    for (const auto& [step, position] : {std::pair{0, 0}, {1, 4}, {2, 8}, {3, 10}, {4, 14}, {8, 28}, {9, 30}})
        CHECK(course.position_of_step(step) == position);
    CHECK(course.position(at(1, 4)) == 14);
    CHECK(course.position(at(3, 0)) == 30);
    CHECK(course.position(at(std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::max())) ==
          40);
    CHECK(course.position_of_step(std::numeric_limits<std::int64_t>::max()) ==
          std::numeric_limits<std::int64_t>::max());
}

TEST_CASE("The steps that are left are those of the size that steps have now", "[run_course]") {
    const TrainConfig config = course_config(3);
    CHECK(RunCourse(config, 10, {4, 1}, {4, 1}).steps_left(at(0, 0)) == 9);
    CHECK(RunCourse(config, 10, {4, 1}, {4, 1}).steps_left(at(1, 8)) == 4);
    CHECK(RunCourse(config, 10, {4, 1}, {4, 2}).steps_left(at(1, 4)) == 3);  // 6 samples, then 8 and 2
    CHECK(RunCourse(config, 10, {4, 1}, {4, 3}).steps_left(at(1, 4)) == 2);
    CHECK(RunCourse(config, 10, {4, 1}, {4, 3}).steps_left(at(3, 0)) == 0);
    TrainConfig independent = config;
    independent.sampler = "independent";
    CHECK(RunCourse(independent, 11, {5, 2}, {5, 2}).steps_left(at(0, 0)) == 3);  // 10 of the 11 an epoch
    CHECK(RunCourse(independent, 11, {5, 2}, {5, 2}).position_of_step(2) == 22);
}

TEST_CASE("The rate is that of the sample, whatever steps there are", "[run_course]") {
    TrainConfig config = course_config(6);
    config.warmup_steps = 5;
    for (const char* schedule : {"cosine", "step", "constant"}) {
        config.schedule = schedule;
        config.milestones = {2, 5};
        const RunCourse alone(config, 20, {4, 1}, {4, 1});
        for (const int ranks : {2, 3, 5})
            for (std::int64_t epoch = 0; epoch < 6; ++epoch)
                for (std::int64_t offset = 0; offset < 20; ++offset)
                    CHECK(rate(RunCourse(config, 20, {4, 1}, {4, ranks}), config, at(epoch, offset)) ==
                          rate(alone, config, at(epoch, offset)));
        // A whole run's steps are those of a schedule that counts steps: the quotients are of equal fractions.
        ScheduleOptions in_steps = make_schedule(config, 1);
        for (std::int64_t step = 0; step < 30; ++step)
            CHECK(rate(alone, config, at(step / 5, step % 5 * 4)) == learning_rate(in_steps, {step, 30, 5}));
    }
}

TEST_CASE("max_steps are steps of the size that the run began with", "[run_course]") {
    TrainConfig config = course_config(6);
    config.max_steps = 7;
    const RunCourse alone(config, 10, {4, 1}, {4, 1}), both(config, 10, {4, 1}, {4, 2});
    CHECK(alone.end() == 24);
    CHECK(both.end() == 24);
    CHECK_FALSE(alone.out_of_steps(at(2, 4, 6)));
    CHECK(alone.out_of_steps(at(2, 4, 7)));  // steps count while they have one size, whatever bad images there were
    TrainerState varied = at(2, 0, 7);
    varied.steps_vary = true;
    CHECK_FALSE(both.out_of_steps(varied));
    varied.sample_offset = 8;
    CHECK(both.out_of_steps(varied));
    config.max_steps = 0;
    CHECK_FALSE(RunCourse(config, 10, {4, 1}, {4, 1}).out_of_steps(at(6, 0, 18)));
}

TEST_CASE("lr_scaling is by the images of a step, not by how ranks share them", "[run_course]") {
    TrainConfig config = course_config(2);
    config.lr_scaling = "linear";
    CHECK(RunCourse(config, 64, {4, 2}, {4, 2}).schedule(config).lr == 1);
    CHECK(RunCourse(config, 64, {4, 2}, {8, 1}).schedule(config).lr == 1);
    CHECK(RunCourse(config, 64, {4, 2}, {4, 1}).schedule(config).lr == 0.5);
    config.lr_scaling = "sqrt";
    CHECK(RunCourse(config, 64, {4, 1}, {4, 4}).schedule(config).lr == 1);
}
