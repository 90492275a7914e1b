#include "tune/search.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <set>

#include "engine/files.h"
#include "kernels/error.h"
#include "kernels/random.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/disk_faults.h"
#include "tests/tune/made_up_search.h"
#include "tune/open_search.h"

using namespace keel;
using namespace keel::test;

namespace keel::tune {

using test::contains;

namespace {

void begin(const TemporaryFolder& folder, const Budget& budget, const SearchPlan& plan = made_up_plan()) {
    SearchState(folder.path(), plan, made_up_config(), kMadeUpSpace, "space.toml", budget);
}

/// Runs the search in a folder from where it is; what it left.
SearchFacts go_on(const TemporaryFolder& folder, MadeUpRunner& runner, const SearchParts& parts = {},
                  SearchReport* report = nullptr) {
    SearchState state(folder.path());
    const SearchReport ended = Search(state, runner, folder.path(), parts).run();
    if (report != nullptr) *report = ended;
    return state.facts();
}

/// Jobs of a worker whose trials differ in how long they take.
double uneven(const TrialOrder& order) { return order.epochs * (1 + order.job.trial % 4); }

class Asker final : public SearchObserver {
public:
    int outcomes = 0, stops_after = 1 << 20;
    void on_outcome(const Job&, const Outcome&, const SearchFacts&) override { ++outcomes; }
    std::string should_stop() override { return outcomes >= stops_after ? "the test" : ""; }
};

}  // namespace

TEST_CASE("A search tries its trials, lets the best go on and says which it is", "[tune]") {
    const TemporaryFolder folder;
    begin(folder, {.trials = 27});
    MadeUpRunner runner;
    SearchReport report;
    const SearchFacts facts = go_on(folder, runner, {}, &report);
    CHECK((report.end == SearchEnd::finished && report.reason.empty() && !report.out_of_points));
    CHECK((facts.points.size() == 27 && runner.most_side_by_side == 2 && runner.stops == 0));
    std::set<int> to_the_end;
    for (const auto& [job, outcome] : facts.outcomes)
        if (job.rung == 2) to_the_end.insert(job.trial);
    REQUIRE(report.best);
    CHECK(to_the_end.contains(*report.best));
    for (const auto& [job, outcome] : facts.outcomes)
        CHECK(outcome.score <= facts.outcomes.at({*report.best, 2}).score);
    for (const TrialOrder& order : runner.orders) {
        CHECK(order.config.epochs == 9);  // the course of the learning rate is that of all epochs
        CHECK(order.epochs == facts.rungs[static_cast<std::size_t>(order.job.rung)]);
        CHECK(order.config.out == trial_folder(folder.path(), order.job.trial).string());
        CHECK(order.config.threads == 1);
    }
    // Two workers, ten seconds a job.
    CHECK(facts.spent.core_seconds == 10.0 * static_cast<double>(facts.outcomes.size()));
    CHECK(facts.spent.seconds < facts.spent.core_seconds);
    CHECK(facts.spent.joules == 0);
}

TEST_CASE("A search that is killed again and again comes to what it would have come to", "[tune]") {
    for (const char* method : {"asha", "halving"}) {
        SearchPlan plan = made_up_plan();
        plan.method = method;
        const TemporaryFolder whole_folder;
        begin(whole_folder, {.trials = 14}, plan);
        MadeUpRunner of_whole;
        of_whole.seconds = uneven;
        const std::string whole = what_counts(go_on(whole_folder, of_whole));
        const double lasts = of_whole.now();
        for (std::uint64_t moment = 0; moment < 5; ++moment) {
            const TemporaryFolder folder;
            begin(folder, {.trials = 14}, plan);
            Random random(moment, Draw::search);
            for (int kills = 0; kills < 2; ++kills) {
                MadeUpRunner killed;
                killed.seconds = uneven;
                killed.killed_at = lasts * double{random.uniform()} / 2;
                try {
                    go_on(folder, killed);
                } catch (const Killed&) {
                }
            }
            MadeUpRunner last;
            last.seconds = [](const TrialOrder& order) { return 3.0 + order.worker; };  // on another machine
            CHECK(what_counts(go_on(folder, last)) == whole);
        }
    }
}

TEST_CASE("A search killed at any call that it makes of the disk goes on", "[tune]") {
    const TemporaryFolder whole_folder;
    begin(whole_folder, {.trials = 4});
    MadeUpRunner of_whole;
    int calls = 0;
    std::string whole;
    {
        const DiskFaultScope counted({.at = 1 << 20});
        whole = what_counts(go_on(whole_folder, of_whole));
        calls = counted.calls();
    }
    CHECK(calls >= 16);  // a write and an fsync for each of four trials and as many outcomes
    for (int at = 1; at <= calls; ++at) {
        const TemporaryFolder folder;
        begin(folder, {.trials = 4});
        const pid_t child = ::fork();
        if (child == 0) {
            MadeUpRunner killed;
            const DiskFaultScope fault({.at = at});
            go_on(folder, killed);
            ::_exit(0);
        }
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        REQUIRE((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
        MadeUpRunner next;
        CHECK(what_counts(go_on(folder, next)) == whole);
    }
}

TEST_CASE("Budgets end a search with its jobs saved, and larger ones go on with it", "[tune]") {
    const TemporaryFolder whole_folder;
    begin(whole_folder, {.trials = 20});
    MadeUpRunner of_whole;
    const std::string whole = what_counts(go_on(whole_folder, of_whole));

    const TemporaryFolder folder;
    begin(folder, {.trials = 20, .core_hours = 100.0 / 3600});
    SearchReport report;
    MadeUpRunner first;
    const SearchFacts part = go_on(folder, first, {}, &report);
    CHECK((report.end == SearchEnd::out_of_budget && contains("core hours").match(report.reason)));
    CHECK(first.stops == 1);
    // Two workers look every half second.
    CHECK((part.spent.core_seconds >= 100 && part.spent.core_seconds <= 101));
    MadeUpRunner none;
    go_on(folder, none, {}, &report);
    CHECK((none.orders.empty() && report.end == SearchEnd::out_of_budget));
    {
        SearchState state(folder.path());
        state.set_budget({.trials = 20, .core_hours = 10});
    }
    MadeUpRunner rest;
    const SearchFacts all = go_on(folder, rest, {}, &report);
    CHECK(report.end == SearchEnd::finished);
    CHECK(what_counts(all) == whole);
    CHECK(all.spent.core_seconds > part.spent.core_seconds);
}

TEST_CASE("Time counts while something runs, energy as its meter says; each can be a limit", "[tune]") {
    for (const bool by_energy : {false, true}) {
        const TemporaryFolder folder;
        begin(folder, by_energy ? Budget{.kwh = 6000 / 3.6e6} : Budget{.hours = 60.0 / 3600});
        MadeUpRunner runner;
        SearchReport report;
        const SearchFacts facts = go_on(folder, runner, {.joules = [&runner] { return 100 * runner.now(); }}, &report);
        CHECK(report.end == SearchEnd::out_of_budget);
        CHECK((facts.spent.seconds >= 60 && facts.spent.seconds <= 60.5));
        CHECK(std::abs(facts.spent.joules - 100 * facts.spent.seconds) < 1e-6);
        double joules = 0;
        for (const auto& [job, outcome] : facts.outcomes) joules += outcome.joules;
        CHECK((joules > 0 && joules <= facts.spent.joules + 1e-6));
    }
    const TemporaryFolder folder;
    begin(folder, {.kwh = 1});
    SearchState state(folder.path());
    MadeUpRunner runner;
    CHECK_THROWS_WITH(Search(state, runner, folder.path()), contains("wants a meter"));
    const TemporaryFolder other;
    begin(other, {});
    SearchState unlimited(other.path());
    CHECK_THROWS_WITH(Search(unlimited, runner, other.path()), contains("wants a budget"));
}

TEST_CASE("More trials go on with a search as if it had had them from the start", "[tune]") {
    const TemporaryFolder folder, whole_folder;
    begin(whole_folder, {.trials = 24});
    MadeUpRunner of_whole;
    const SearchFacts whole = go_on(whole_folder, of_whole);
    begin(folder, {.trials = 12});
    MadeUpRunner first, second;
    go_on(folder, first);
    SearchState(folder.path()).set_budget({.trials = 24});
    const SearchFacts all = go_on(folder, second);
    REQUIRE(all.points.size() == 24);
    for (std::size_t i = 0; i < 24; ++i) CHECK(same(all.points[i], whole.points[i]));
    for (const auto& [job, outcome] : whole.outcomes) CHECK(all.outcomes.at(job).score == outcome.score);
    CHECK(second.orders.size() < of_whole.orders.size());
}

TEST_CASE("Trials that fail are results; a search none of whose trials begins is refused", "[tune]") {
    const TemporaryFolder folder;
    begin(folder, {.trials = 24});
    MadeUpRunner runner;
    runner.outcome = [](const TrialOrder& order) -> Outcome {
        const Ending failures[] = {Ending::crashed, Ending::diverged, Ending::refused};
        if (order.job.trial % 4 != 3 && order.job.trial < 12)
            return {.ending = failures[order.job.trial % 4], .message = "it failed"};
        return MadeUpRunner::scored(order);
    };
    SearchReport report;
    const SearchFacts facts = go_on(folder, runner, {}, &report);
    CHECK((report.end == SearchEnd::finished && facts.points.size() == 24));
    REQUIRE(report.best);
    CHECK(facts.outcomes.at({*report.best, 2}).ending == Ending::complete);
    for (const auto& [job, outcome] : facts.outcomes)
        if (outcome.ending != Ending::complete) CHECK((job.rung == 0 && std::isnan(outcome.score)));

    const TemporaryFolder refused;
    begin(refused, {.trials = 24});
    MadeUpRunner refusing;
    refusing.outcome = [](const TrialOrder&) { return Outcome{.ending = Ending::refused, .message = "no such data"}; };
    CHECK_THROWS_WITH(go_on(refused, refusing),
                      contains("the first 5 trials were refused; the last one said: no such data"));
}

TEST_CASE("Scores that are undefined or equal, and losses, choose as they should", "[tune]") {
    const TemporaryFolder folder;
    SearchPlan plan = made_up_plan(1);
    plan.metric = "val_loss";
    begin(folder, {.trials = 12}, plan);
    MadeUpRunner runner;
    runner.outcome = [](const TrialOrder& order) {
        const bool undefined = order.job.trial % 3 == 0;
        return Outcome{.score = undefined ? std::nan("") : order.job.trial % 3 + 1.0 / order.epochs,
                       .epochs = order.epochs};
    };
    SearchReport report;
    const SearchFacts facts = go_on(folder, runner, {}, &report);
    CHECK(report.best == 1);  // of trials 1, 4, 7 and 10, which are equal
    CHECK(facts.outcomes.contains({1, 2}));
    for (const auto& [job, outcome] : facts.outcomes) CHECK((job.rung == 0 || job.trial % 3 == 1));

    const TemporaryFolder none;
    begin(none, {.trials = 6});
    MadeUpRunner undefined;
    undefined.outcome = [](const TrialOrder& order) { return Outcome{.epochs = order.epochs}; };
    go_on(none, undefined, {}, &report);
    CHECK((report.end == SearchEnd::finished && !report.best));
}

TEST_CASE("A search stops where it is asked to, or where somebody stops its trials", "[tune]") {
    const TemporaryFolder folder, whole_folder;
    begin(whole_folder, {.trials = 12});
    begin(folder, {.trials = 12});
    MadeUpRunner of_whole, first, second;
    const std::string whole = what_counts(go_on(whole_folder, of_whole));
    Asker asker;
    asker.stops_after = 5;
    SearchReport report;
    const SearchFacts part = go_on(folder, first, {.observer = &asker}, &report);
    CHECK((report.end == SearchEnd::stopped && report.reason == "the test" && first.stops == 1));
    CHECK(part.outcomes.size() == 5);
    CHECK(what_counts(go_on(folder, second)) == whole);
}

TEST_CASE("A search's folder is opened for what is in it", "[tune]") {
    const TemporaryFolder folder;
    const std::string space_file = folder / "space.toml", out = folder / "search";
    write_file_atomically(space_file, kMadeUpSpace);
    SearchRequest request{.folder = out, .config = made_up_config(), .space = space_file};
    CHECK_THROWS_WITH(open_search(request), contains("wants a budget"));
    request.budget.trials = 3;
    CHECK_THROWS_WITH(open_search(request), contains("threads: wanted 1 to 1024, not 0"));
    CHECK_FALSE(std::filesystem::exists(out));  // what is wrong leaves no folder behind
    request.complete = [](SearchPlan& plan) {
        if (plan.threads == 0) plan.threads = 2;
    };
    {
        const OpenedSearch opened = open_search(request);
        CHECK(opened.state->facts().plan.threads == 2);
        request.resume = true;
        CHECK_THROWS_WITH(open_search(request), contains("another process is writing"));
    }
    request.resume = false;
    CHECK_THROWS_WITH(open_search(request), contains("holds a search: --resume auto goes on with it"));

    SearchRequest again{.folder = out, .resume = true};
    CHECK(open_search(again).state->facts().budget.trials == 3);
    again.budget = {.trials = 7, .hours = 2};
    CHECK(open_search(again).state->facts().budget == Budget{.trials = 7, .hours = 2});
    again.plan.eta = 4;
    CHECK_THROWS_WITH(open_search(again), contains("holds another search: eta was 3, is 4"));
    again.plan = {};
    again.config = made_up_config();
    again.config->lr = 0.5;
    CHECK_THROWS_WITH(open_search(again), contains("lr was 0.001, is 0.5"));
    again.config.reset();
    write_file_atomically(space_file, "lr = { uniform = [0.1, 0.2] }\n");
    again.space = space_file;
    CHECK_THROWS_WITH(open_search(again), contains("is another space"));

    std::filesystem::create_directories(out + "/trials/0000");
    std::filesystem::remove(out + "/tune.jsonl");
    CHECK_THROWS_WITH(open_search(request), contains("holds trials, but no search"));
    request.force = true;
    CHECK(open_search(request).state->facts().space.parameters.size() == 1);
    CHECK_FALSE(std::filesystem::exists(out + "/trials"));
}

}  // namespace keel::tune
