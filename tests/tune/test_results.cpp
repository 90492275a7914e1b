#include "tune/results.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <sstream>

#include "engine/files.h"
#include "engine/json.h"
#include "kernels/error.h"
#include "tests/runs/made_up_run.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/tune/made_up_search.h"
#include "train/config_file.h"
#include "tune/importance.h"
#include "tune/search_text.h"
#include "tune/space_json.h"

using namespace keel;
using namespace keel::test;

namespace keel::tune {

using test::contains;

namespace {

SearchFacts facts_of(int trials) {
    const TemporaryFolder folder;
    SearchState state(folder.path(), made_up_plan(), made_up_config(), kMadeUpSpace, "space.toml", {.trials = trials});
    MadeUpRunner runner;
    runner.outcome = [](const TrialOrder& order) -> Outcome {
        if (order.job.trial == 1)
            return {.ending = Ending::crashed, .message = std::string("killed, by \"9\"") + kHostile};
        return MadeUpRunner::scored(order);
    };
    Search(state, runner, folder.path(), {.joules = [&runner] { return 50 * runner.now(); }}).run();
    return state.facts();
}

std::vector<std::string> lines_of(const std::string& text) {
    std::istringstream in(text);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

}  // namespace

TEST_CASE("The table has a row a trial, as CSV and as JSON", "[tune]") {
    const SearchFacts facts = facts_of(12);
    const std::vector<TrialRow> rows = trial_rows(facts);
    REQUIRE(rows.size() == 12);
    CHECK((rows[1].state == "crashed" && rows[1].epochs == 0 && std::isnan(rows[1].score)));
    CHECK(std::ranges::any_of(rows, [](const TrialRow& row) { return row.state == "paused" && row.epochs == 1; }));
    const TrialRow best = rows[static_cast<std::size_t>(*best_trial(facts))];
    CHECK((best.state == "complete" && best.epochs == 9 && best.seconds == 30));

    const std::vector<std::string> csv = lines_of(trials_csv(facts)), json = lines_of(trials_jsonl(facts));
    REQUIRE(csv.size() >= 13);
    REQUIRE(json.size() == 12);
    CHECK(csv[0] == "trial,state,epochs,score,seconds,core_hours,kwh,lr,optimizer,momentum,message");
    CHECK(csv[2].starts_with("1,crashed,0,,10.000,0.002778,"));
    CHECK(contains("\"killed, by \"\"9\"\"").match(csv[2]));
    double joules = 0;
    for (std::size_t i = 0; i < json.size(); ++i) {
        const Json row = parse_json(json[i]);
        CHECK(row["trial"] == i);
        CHECK(same(read_point(facts.space, row["values"]), facts.points[i]));
        CHECK((i == 1 ? row["score"].is_null() : row["score"] == rows[i].score));
        joules += rows[i].joules;
    }
    CHECK(std::abs(joules - facts.spent.joules) < 1e-6);
}

TEST_CASE("The best configuration is one that keel train takes", "[tune]") {
    const SearchFacts facts = facts_of(12);
    const int best = *best_trial(facts);
    const std::string toml = trial_toml(facts, best, "search/best");
    TrainConfig config;
    apply_toml(config, toml, "best.toml");
    check_train_config(config);
    TrainConfig expected = facts.config;
    apply(facts.space, facts.points[static_cast<std::size_t>(best)], expected);
    CHECK((config.lr == expected.lr && config.optimizer == expected.optimizer && config.epochs == 9));
    CHECK((config.out == "search/best" && config.threads == 1 && config.pause_after == 0));
    CHECK(contains("after 9 of 9 epochs").match(toml));
    CHECK(contains("# Searched: lr, optimizer").match(toml));
}

TEST_CASE("A parameter's importance is its share of the ranks' variance", "[tune]") {
    SearchFacts facts;
    facts.plan = made_up_plan();
    facts.rungs = {1};
    facts.space = {{{.key = "lr", .low = 0, .high = 1},
                    {.key = "optimizer", .choices = {"sgd", "adamw"}},
                    {.key = "momentum", .low = 0, .high = 1}}};
    const auto with = [&](auto score) {
        facts.points.clear();
        facts.outcomes.clear();
        for (int trial = 0; trial < 64; ++trial) {
            const Point point{(trial % 8) / 8.0, static_cast<double>((trial / 8) % 2), ((trial * 5) % 16) / 16.0};
            facts.points.push_back(point);
            facts.outcomes[{trial, 0}] = {.score = score(point), .epochs = 1};
        }
        return importance(facts);
    };
    // Ranks of four groups of 16 with the same score each differ by their groups alone.
    std::vector<double> shares = with([](const Point& point) { return std::floor(point[0] * 4); });
    CHECK(std::abs(shares[0] - 1) < 1e-12);
    CHECK((shares[1] < 0.05 && shares[2] < 0.3));
    shares = with([](const Point& point) { return point[1]; });
    CHECK((std::abs(shares[1] - 1) < 1e-12 && shares[0] < 0.05));
    shares = with([](const Point& point) { return 2 * point[1] + point[0]; });
    CHECK((shares[1] > shares[0] && shares[0] > 0));
    for (const double share : with([](const Point&) { return 1.0; })) CHECK(std::isnan(share));
    facts.points.resize(7);
    std::erase_if(facts.outcomes, [](const auto& entry) { return entry.first.trial >= 7; });
    for (const double share : importance(facts)) CHECK(std::isnan(share));
}

TEST_CASE("The page of a search holds all parts, and nothing from outside as it came", "[tune]") {
    const SearchFacts facts = facts_of(30);
    const std::string page = search_page(facts, std::string("out") + kHostile, true);
    for (const char* part : {"Course", "Parameters", "Importance", "Cost", "Trials", "Failures", "best so far",
                             "kWh (estimate)", "lr (logarithmic)", "something ran"})
        CHECK(contains(part).match(page));
    CHECK(count_of(page, "<svg") == 3);
    CHECK(count_of(page, "<script") == 0);
    CHECK(count_of(page, "onerror=alert(2)>") == 0);
    // A line through its values for each trial with a score.
    const auto scored =
        std::ranges::count_if(trial_rows(facts), [](const TrialRow& r) { return !std::isnan(r.score); });
    CHECK(count_of(page, "<title>trial ") >= static_cast<std::size_t>(scored));

    SearchFacts none;
    none.plan = made_up_plan();
    none.config = made_up_config();
    none.rungs = {1};
    CHECK(contains("No trial has a score yet").match(search_page(none, "empty", false)));
}

TEST_CASE("Results are written together, and a search without any score says why", "[tune]") {
    const TemporaryFolder folder;
    SearchFacts facts = facts_of(9);
    write_results(facts, folder.path(), false);
    for (const char* file : {"trials.csv", "trials.jsonl", "best.toml", "report.html"})
        CHECK(std::filesystem::exists(folder / file));
    const SearchReport report{.best = best_trial(facts)};
    const SearchText text = search_text(report, facts, "dir", true);
    CHECK((text.object["best_trial"] == *report.best && text.object["end"] == "finished"));
    CHECK(contains("keel train --config dir/best.toml").match(text.text));
    CHECK(contains("(estimate)").match(text.text));
    CHECK(
        contains("--resume auto --out dir goes on")
            .match(
                search_text({SearchEnd::out_of_budget, "2 core hours", report.best, false}, facts, "dir", false).text));
    facts.outcomes = {{{1, 0}, {.ending = Ending::refused, .message = "no such data"}}};
    CHECK_THROWS_WITH(search_text({}, facts, "dir", false), contains("none of 9 trials has a score"));
    CHECK_THROWS_WITH(search_text({}, facts, "dir", false), contains("no such data"));
    CHECK(search_text({.end = SearchEnd::stopped, .reason = "signal 15"}, facts, "dir", false)
              .object["best_trial"]
              .is_null());
}

}  // namespace keel::tune
