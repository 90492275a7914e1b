#include "train/epoch_verdict.h"

#include "tests/support/catch.h"

using namespace keel;

namespace {

TrainerState after(std::optional<double> best, int since_best = 0) {
    TrainerState state;
    state.best_metric = best;
    state.epochs_since_best = since_best;
    return state;
}

ScheduleOptions schedule_of(ScheduleKind kind) {
    ScheduleOptions schedule;
    schedule.kind = kind;
    return schedule;
}

}  // namespace

TEST_CASE("Patience and plateau count epochs, not validations", "[epoch_verdict]") {
    ScheduleOptions schedule = schedule_of(ScheduleKind::plateau);
    schedule.patience = 2;
    TrainerState state = after(0.5);
    state.epoch = 8;  // the ninth ends; the newest validation was the sixth's
    state.judged_epochs = 6;
    state.plateau = {1, true, 0.5, 0};
    const EpochVerdict worse = judge_epoch(state, schedule, 0.4, true);
    CHECK((worse.epochs_since_best == 3 && worse.judged_epochs == 9));
    CHECK((worse.plateau.scale == schedule.gamma && worse.plateau.bad_epochs == 0));  // three are more than two
    const EpochVerdict better = judge_epoch(state, schedule, 0.6, true);
    CHECK((better.epochs_since_best == 0 && better.judged_epochs == 9 && better.plateau.scale == 1));
    CHECK(judge_epoch(state, schedule, 0.4, false).judged_epochs == 6);
    CHECK(judge_epoch(state, schedule, std::nullopt, true).judged_epochs == 6);
}

TEST_CASE("An epoch is the best if its metric is above all before it", "[epoch_verdict]") {
    const ScheduleOptions schedule;
    const EpochVerdict first = judge_epoch(after(std::nullopt, 3), schedule, 0.5, true);
    CHECK((first.best && first.best_metric == 0.5 && first.epochs_since_best == 0));
    const EpochVerdict equal = judge_epoch(after(0.5, 1), schedule, 0.5, true);
    CHECK((!equal.best && equal.best_metric == 0.5 && equal.epochs_since_best == 2));
    const EpochVerdict better = judge_epoch(after(0.5, 1), schedule, 0.6, true);
    CHECK((better.best && better.best_metric == 0.6 && better.epochs_since_best == 0));
}

TEST_CASE("An epoch that was not validated changes nothing", "[epoch_verdict]") {
    TrainerState before = after(0.5, 4);
    before.plateau = {0.5, true, 0.25, 2};
    const EpochVerdict verdict = judge_epoch(before, schedule_of(ScheduleKind::plateau), std::nullopt, true);
    CHECK((!verdict.best && verdict.best_metric == 0.5 && verdict.epochs_since_best == 4));
    CHECK(verdict.plateau == before.plateau);
}

TEST_CASE("A part of an epoch may be the best, but patience and plateau do not count it", "[epoch_verdict]") {
    const ScheduleOptions plateau = schedule_of(ScheduleKind::plateau);
    const EpochVerdict worse = judge_epoch(after(0.5, 4), plateau, 0.1, false);
    CHECK((!worse.best && worse.epochs_since_best == 4 && worse.plateau == PlateauState{}));
    const EpochVerdict better = judge_epoch(after(0.5, 4), plateau, 0.9, false);
    CHECK((better.best && better.best_metric == 0.9 && better.epochs_since_best == 4));
}

TEST_CASE("A plateau hears of whole epochs, and only where it is the schedule", "[epoch_verdict]") {
    const ScheduleOptions plateau = schedule_of(ScheduleKind::plateau), cosine = schedule_of(ScheduleKind::cosine);
    CHECK(judge_epoch(after(0.5), plateau, 0.4, true).plateau == observe(plateau, {}, 0.4));
    CHECK_FALSE(judge_epoch(after(0.5), plateau, 0.4, true).plateau == PlateauState{});
    CHECK(judge_epoch(after(0.5), cosine, 0.4, true).plateau == PlateauState{});
}
