#include "train/epoch_verdict.h"

#include "tests/support/catch.h"

using namespace keel;

TEST_CASE("The first metric is the best, then only a higher one", "[verdict]") {
    TrainerState run;
    const ScheduleOptions schedule;
    EpochVerdict verdict = judge_epoch(run, schedule, -0.5, true);
    CHECK((verdict.best && verdict.best_metric == -0.5 && verdict.epochs_since_best == 0));
    run.best_metric = 0.5;
    run.epochs_since_best = 2;
    verdict = judge_epoch(run, schedule, 0.5, true);  // no higher
    CHECK((!verdict.best && verdict.best_metric == 0.5 && verdict.epochs_since_best == 3));
    verdict = judge_epoch(run, schedule, 0.75, true);
    CHECK((verdict.best && verdict.best_metric == 0.75 && verdict.epochs_since_best == 0));
}

TEST_CASE("An epoch that was not validated changes nothing", "[verdict]") {
    TrainerState run;
    run.best_metric = 0.5;
    run.epochs_since_best = 2;
    run.plateau = {.scale = 0.1, .seen = true, .best = 0.5, .bad_epochs = 1};
    ScheduleOptions schedule;
    schedule.kind = ScheduleKind::plateau;
    const EpochVerdict verdict = judge_epoch(run, schedule, std::nullopt, true);
    CHECK((!verdict.best && verdict.best_metric == 0.5 && verdict.epochs_since_best == 2));
    CHECK(verdict.plateau == run.plateau);
}

TEST_CASE("Patience and plateau count whole epochs alone", "[verdict]") {
    TrainerState run;
    run.best_metric = 0.5;
    run.epochs_since_best = 1;
    run.plateau = {.scale = 1, .seen = true, .best = 0.5, .bad_epochs = 0};
    ScheduleOptions schedule;
    schedule.kind = ScheduleKind::plateau;
    schedule.gamma = 0.25;
    schedule.patience = 0;
    const EpochVerdict part = judge_epoch(run, schedule, 0.25, false);
    CHECK(part.epochs_since_best == 1);
    CHECK(part.plateau == run.plateau);
    CHECK(judge_epoch(run, schedule, 0.75, false).best);  // it is saved as such all the same
    const EpochVerdict whole = judge_epoch(run, schedule, 0.25, true);
    CHECK(whole.epochs_since_best == 2);
    CHECK(whole.plateau == observe(schedule, run.plateau, 0.25));
    CHECK(whole.plateau.scale == 0.25);
    // Another schedule has no plateau to watch.
    CHECK(judge_epoch(run, {}, 0.25, true).plateau == run.plateau);
}
