#include "runs/estimate/run_estimate.h"

#include <cmath>
#include <string>
#include <vector>

#include "runs/estimate/estimate_text.h"
#include "runs/estimate/step_clock.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using keel::test::contains;

namespace {

/// A run of 3 epochs of 100 images in steps of 8: 12 and a half each. A step takes 2 s.
RunFacts made_up_facts() {
    RunFacts facts;
    facts.config.model = "resnet18";
    facts.config.data = "made up";
    facts.config.epochs = 3;
    facts.config.batch_size = 8;
    facts.config.checkpoint_minutes = 10;
    facts.train_samples = 100;
    facts.val_samples = 20;
    facts.threads = 4;
    facts.steps = std::vector<double>(10, 2.0);
    facts.first_steps = 5;
    facts.epoch_begin = 1;
    facts.val_begin = 2;
    facts.val_image = 0.5;
    facts.save = 3;
    facts.start = 7;
    facts.end = 11;
    facts.checkpoint_bytes = 1'000'000;
    facts.input_rate = 10;
    facts.read_bytes = 1000;
    facts.watts = 36;
    facts.energy_source = "a meter";
    facts.memory.process = {.total = 900, .now = 100, .an_image = 100};
    facts.memory.need = 900;
    facts.memory.more = 800;
    facts.memory.machine = {.total = 2000, .available = 1000};
    return facts;
}

}  // namespace

TEST_CASE("A run's time is that of its steps, validations, saves and ends", "[estimate]") {
    const RunFacts facts = made_up_facts();
    const RunEstimate e = estimate_run(facts, {.threads = 4});
    CHECK((e.epochs == 3 && e.steps == 39 && e.steps_an_epoch == 13 && e.images_a_step == 8));
    CHECK(e.step.value == 2);
    CHECK(e.validation.value == 2 + 20 * 0.5);
    // 37.5 steps, 3 begins, 3 validations, 3 saves; the ends come once.
    CHECK(e.run.value == 75 + 3 + 36 + 9 + (7 + 5 + 11));
    CHECK(e.epoch.value == (75.0 + 3 + 36 + 9) / 3);
    CHECK((e.run.low < e.run.value && e.run.value < e.run.high));
    CHECK(e.images_a_second.value == 4);
    CHECK(e.core_hours.value == e.run.value * 4 / 3600);
    CHECK(std::abs(e.kwh.value - 36 * e.run.value / 3.6e6) < 1e-12);
    CHECK_FALSE(e.price);
    CHECK(e.fits);
    CHECK(e.wanted_input == 4);
    CHECK(e.input_there == 10);
    CHECK(e.input_bytes == 4000);
    CHECK(e.disk > 4'000'000);
}

TEST_CASE("A run that ends within an epoch, or validates seldom, takes that much less", "[estimate]") {
    RunFacts facts = made_up_facts();
    facts.config.max_steps = 20;
    facts.config.eval_every = 5;
    const RunEstimate e = estimate_run(facts, {});
    CHECK((e.epochs == 2 && e.steps == 20));
    // An epoch of 12.5 and 7 steps of the next, 2 begins, the last validation, 2 saves.
    CHECK(e.run.value == 39 + 2 + 12 + 6 + 23);
    facts.val_samples = 0;
    CHECK(estimate_run(facts, {}).run.value == 39 + 2 + 6 + 23);
    facts.config.checkpoint_minutes = 0.1;  // an epoch's steps take 19.5 s: three more saves in each
    CHECK(estimate_run(facts, {}).run.value == 39 + 2 + 2 * 4 * 3 + 23);
}

TEST_CASE("More ranks have fewer steps, and all their cores count", "[estimate]") {
    RunFacts facts = made_up_facts();
    facts.config.price_core_hour = 2;
    facts.config.price_kwh = 10;
    facts.config.gco2_kwh = 100;
    const RunEstimate e = estimate_run(facts, {.nodes = 2, .ranks_per_node = 1, .threads = 4, .step = 1.5});
    CHECK((e.steps_an_epoch == 7 && e.images_a_step == 16));
    CHECK(e.step.value == 3);
    CHECK(e.validation.value == 2 + 10 * 0.5);
    CHECK(e.core_hours.value == e.run.value * 8 / 3600);
    CHECK(std::abs(e.kwh.value - 72 * e.run.value / 3.6e6) < 1e-12);
    REQUIRE(e.price);
    CHECK(std::abs(e.price->value - (2 * e.core_hours.value + 10 * e.kwh.value)) < 1e-9);
    REQUIRE(e.gco2);
    CHECK(e.gco2->value == 100 * e.kwh.value);
    CHECK(e.memory == 900);
    CHECK(estimate_run(facts, {.ranks_per_node = 3}).memory == 2700);
    CHECK_FALSE(estimate_run(facts, {.ranks_per_node = 3}).fits);
    CHECK_FALSE(estimate_run(facts, {.node_memory = 899}).fits);
    CHECK(estimate_run(facts, {.node_memory = 900}).fits);
}

TEST_CASE("Teachers whose answers are kept are asked once, by all ranks together", "[estimate]") {
    RunFacts facts = made_up_facts();
    const RunEstimate without = estimate_run(facts, {});
    CHECK(without.teachers.value == 0);
    facts.config.teacher = "teacher.safetensors";
    facts.teacher_images = 90;  // ten were asked about before
    facts.teacher_views = 2;
    facts.teacher_begin = 4;
    facts.teacher_image = 0.25;
    facts.answer_bytes = 5000;
    const RunEstimate e = estimate_run(facts, {});
    CHECK(e.teachers.value == 4 + 90 * 0.25);
    CHECK((e.teachers.low < e.teachers.value && e.teachers.value < e.teachers.high));
    CHECK(e.run.value == without.run.value + e.teachers.value);
    // However many epochs there are: an epoch takes what it took.
    CHECK(e.epoch.value == without.epoch.value);
    CHECK(e.step.value == without.step.value);
    CHECK(e.core_hours.value > without.core_hours.value);
    CHECK(e.disk == without.disk + 5000);
    facts.config.epochs = 6;
    CHECK(estimate_run(facts, {}).teachers.value == e.teachers.value);
    // Four ranks ask about 23 images at most each; processors of twice the time take twice as long.
    CHECK(estimate_run(facts, {.nodes = 2, .ranks_per_node = 2, .compute = 2}).teachers.value == 4 + 23 * 0.25 * 2);

    const auto said = [&] {
        std::string text;
        for (const std::string& sentence : plain_assumptions(facts)) text += sentence + "\n";
        return text;
    };
    CHECK_THAT(said(), contains("asked once about each of 90 training images and its mirror image, before the first "
                                "step, and steps take what was kept; some were measured: 0.25 s an image"));
    CHECK_THAT(estimate_text(facts, {}, e, {}), contains("\nteachers     27 s (21 s to 32 s), once\n"));
    CHECK(estimate_json(facts, {}, e, {})["teachers_seconds"]["value"] == e.teachers.value);
    facts.teacher_images = 0;
    CHECK_THAT(said(), contains("what teachers say of all training images is kept already"));
    CHECK(estimate_run(facts, {}).teachers.value == 4);  // to find that out
}

TEST_CASE("Teachers that are asked in every step are part of its time", "[estimate]") {
    RunFacts facts = made_up_facts();
    facts.config.teacher = "teacher.safetensors";
    facts.config.rotate = 10;
    facts.teachers_in_steps = true;
    facts.steps = std::vector<double>(10, 3.0);  // 1 s of them the teacher's
    const RunEstimate e = estimate_run(facts, {});
    CHECK(e.teachers.value == 0);
    // 37.5 steps, in each epoch again.
    CHECK(e.run.value == 37.5 * 3 + 3 + 36 + 9 + 23);
    std::string said;
    for (const std::string& sentence : plain_assumptions(facts)) said += sentence + "\n";
    CHECK_THAT(said, contains("teachers are asked in every step, and measured with it"));
    CHECK_THAT(estimate_text(facts, {}, e, {}), !contains("\nteachers"));
    facts.config.teacher.clear();
    for (const std::string& sentence : plain_assumptions(facts)) CHECK_THAT(sentence, !contains("teachers"));
}

TEST_CASE("A mean's interval is of blocks of times, and wide where there are few", "[estimate]") {
    CHECK(mean_of({}).value == 0);
    const Figure few = mean_of({1, 1, 1});
    CHECK((few.value == 1 && few.low == 0.85 && few.high == 1.15));
    const Figure steady = mean_of(std::vector<double>(20, 4.0));
    CHECK((steady.value == 4 && steady.low == 3.96 && steady.high == 4.04));
    // Blocks of two: means 1, 2, 3, 4, 5, whose deviation of 1.58 makes an error of 0.707; t is 2.776.
    const Figure drifting = mean_of({1, 1, 2, 2, 3, 3, 4, 4, 5, 5});
    CHECK(drifting.value == 3);
    CHECK(std::abs(drifting.high - (3 + 2.776 * std::sqrt(2.5 / 5))) < 1e-9);
}

TEST_CASE("What keel estimate says names estimates, misfits and assumptions", "[estimate]") {
    RunFacts facts = made_up_facts();
    facts.memory.machine = {.total = 950, .available = 700};
    facts.input_rate = 3;
    const RunPlan plan{.threads = 4};
    const RunEstimate e = estimate_run(facts, plan);
    CHECK_FALSE(e.fits);
    const auto warnings = estimate_warnings(facts, e, 1000);
    REQUIRE(warnings.size() == 3);
    CHECK_THAT(warnings[0], contains("keel train refuses it"));
    CHECK_THAT(warnings[1], contains("input does not keep up"));
    CHECK_THAT(warnings[2], contains("are free there"));
    const std::string text = estimate_text(facts, plan, e, {"something"});
    CHECK_THAT(text, contains("DOES NOT FIT") && contains("an ESTIMATE") && contains("- something\n"));
    const Json json = estimate_json(facts, plan, e, {"something"});
    CHECK(json["run_seconds"]["value"] == e.run.value);
    CHECK(json["kwh_estimated"] == true);
    CHECK(json["fits"] == false);
    CHECK(json["assumptions"] == Json{"something"});
    facts.watts_estimated = false;
    CHECK_THAT(estimate_text(facts, plan, estimate_run(facts, plan), {}), !contains("an ESTIMATE"));
    facts.steps.clear();
    CHECK_THAT(estimate_text(facts, plan, estimate_run(facts, plan), {}), contains("not one image of a step fits"));
}

TEST_CASE("A clock of steps leaves out what has not settled, begins of epochs and saves", "[estimate]") {
    double now = 100;
    StepClock clock(3, 1000, 8, nullptr, [&] { return now; });
    const auto step = [&](double seconds) {
        now += seconds;
        clock.on_step({});
        return clock.should_stop(0).has_value();
    };
    clock.on_start({});
    CHECK_FALSE(step(10));  // the first: compiles, waits for images
    CHECK_FALSE(step(4));
    CHECK_FALSE(step(3));
    CHECK_FALSE(step(2));
    now += 0.5;
    clock.on_epoch({});
    now += 1.5;
    clock.on_checkpoint({});
    CHECK_FALSE(step(5));  // 2 of them are the step
    CHECK_FALSE(step(2));
    CHECK_FALSE(step(2));
    CHECK(step(2));  // four that count, of 8 s
    CHECK(clock.steps() == std::vector<double>(4, 2.0));
    CHECK(clock.epoch_begin() == 3);
    CHECK(clock.first_steps() == (4 + 3 - 2 * 2) + (10 - 2 - 3));
    CHECK(clock.save() == 1.5);
}

TEST_CASE("A clock of steps ends with the run that it measures for", "[estimate]") {
    double now = 0;
    StepClock clock(2, 3, 1e9, nullptr, [&] { return now; });
    clock.on_start({});
    for (int i = 0; i < 3; ++i) {
        CHECK_FALSE(clock.should_stop(0));
        now += 1;
        clock.on_step({});
    }
    CHECK(clock.should_stop(0));
}
