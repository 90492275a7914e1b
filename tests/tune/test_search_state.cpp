#include "tune/search_state.h"

#include <cerrno>
#include <cmath>
#include <filesystem>

#include "engine/files.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/disk_faults.h"
#include "tests/support/temporary_folder.h"
#include "tests/tune/made_up_search.h"
#include "train/config_file.h"
#include "tune/search_line.h"

using namespace keel;
using namespace keel::test;

namespace keel::tune {

using test::contains;

namespace {

constexpr double kAbsentValue = std::numeric_limits<double>::quiet_NaN();
const Point kFirst{0.01, 0, 0.9}, kSecond{0.5, 1, kAbsentValue};  // lr, optimizer, momentum

SearchState new_state(const TemporaryFolder& folder, const Budget& budget = {.trials = 9}) {
    return SearchState(folder.path(), made_up_plan(), made_up_config(), kMadeUpSpace, "space.toml", budget);
}

std::string text_of(const TemporaryFolder& folder) { return read_file(SearchState::file_of(folder.path()), 1 << 20); }

/// A search of two trials, of which the first went on.
std::string some_state(const TemporaryFolder& folder) {
    SearchState state = new_state(folder);
    state.add_trial(kFirst);
    state.add_outcome({0, 0}, {.score = 0.7, .epochs = 1, .seconds = 2, .core_seconds = 4, .joules = 8}, {2, 4, 8});
    state.add_trial(kSecond);
    state.add_outcome({0, 1}, {.score = 0.8, .epochs = 3}, {3, 6, 12});
    state.add_outcome({1, 0}, {.ending = Ending::crashed, .epochs = 0, .message = "a \"signal\"\xff"}, {4, 8, 16});
    state.set_budget({.trials = 20, .kwh = 0.5});
    state.set_spent({5, 10, 20});
    return text_of(folder);
}

}  // namespace

TEST_CASE("A search is what its file says", "[tune]") {
    const TemporaryFolder folder;
    some_state(folder);
    const SearchState state(folder.path());
    const SearchFacts& facts = state.facts();
    CHECK_FALSE(state.was_cut());
    CHECK(facts.plan == made_up_plan());
    CHECK(to_toml(facts.config) == to_toml(made_up_config()));
    CHECK(facts.space.parameters.size() == 3);
    CHECK(facts.rungs == std::vector{1, 3, 9});
    CHECK(facts.budget == Budget{.trials = 20, .kwh = 0.5});
    CHECK(facts.spent == Spent{5, 10, 20});
    REQUIRE((facts.points.size() == 2 && facts.outcomes.size() == 3));
    CHECK((same(facts.points[0], kFirst) && same(facts.points[1], kSecond)));
    CHECK(facts.outcomes.at({0, 0}).core_seconds == 4);
    CHECK((facts.outcomes.at({0, 1}).score == 0.8 && facts.outcomes.at({0, 1}).epochs == 3));
    CHECK((facts.outcomes.at({1, 0}).ending == Ending::crashed && std::isnan(facts.outcomes.at({1, 0}).score)));
    CHECK(facts.outcomes.at({1, 0}).message == "a \"signal\"\xEF\xBF\xBD");
    CHECK(facts.order == std::vector<Job>{{0, 0}, {0, 1}, {1, 0}});
    CHECK((facts.score_of({0, 1}) == 0.8 && !facts.score_of({1, 1})));
}

TEST_CASE("Whatever of a file's end is lost, the lines before it count and it goes on", "[tune]") {
    const TemporaryFolder folder;
    const std::string whole = some_state(folder);
    const auto file = SearchState::file_of(folder.path());
    const std::size_t head = whole.find('\n') + 1;
    std::vector<std::size_t> sizes;
    for (std::size_t end = head; end > 0; end = whole.find('\n', end) + 1)
        for (const std::size_t less : {0, 40})
            if (end - less >= head) sizes.push_back(end - less);
    REQUIRE(sizes.size() >= 15);
    for (const std::size_t size : sizes) {
        write_file_atomically(file, whole.substr(0, size));
        SearchState state(folder.path());
        const std::size_t good = whole.rfind('\n', size - 1) + 1;
        CHECK(state.was_cut() == (good != size));
        const auto points = state.facts().points.size();
        state.add_trial(kSecond);
        CHECK(SearchState(folder.path()).facts().points.size() == points + 1);
        CHECK(text_of(folder).starts_with(whole.substr(0, good)));
    }
    write_file_atomically(file, whole.substr(0, head - 1));
    CHECK_THROWS_WITH(SearchState(folder.path()), contains("does not hold a search"));
}

TEST_CASE("A damaged search is refused by its line", "[tune]") {
    const TemporaryFolder folder;
    const std::string whole = some_state(folder);
    for (std::size_t at = 0; at < whole.size(); at += 101) {
        std::string damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ 1);
        // Half a last line is what a power cut leaves, and so it is taken; all else is an error that names a line.
        if (at + 1 == whole.size()) continue;
        INFO(at);
        CHECK_THROWS_AS(read_facts(damaged, "tune.jsonl"), InputError);
    }

    const std::string head = whole.substr(0, whole.find('\n') + 1);
    const auto refused = [&](const Json& line, const std::string& message) {
        INFO(message);
        CHECK_THROWS_WITH(read_facts(head + search_line(line), "tune.jsonl"), contains("[tune] tune.jsonl:2: "));
        CHECK_THROWS_WITH(read_facts(head + search_line(line), "tune.jsonl"), contains(message));
    };
    refused({{"trial", 1}, {"values", {{"lr", 0.1}, {"optimizer", "adamw"}}}}, "wanted trial 0");
    refused({{"trial", 0}, {"values", {{"lr", 7}, {"optimizer", "adamw"}}}}, "lr may be 0.0001 to 1, not 7");
    refused({{"trial", 0.5}, {"values", Json::object()}}, "'trial': wanted a whole number");
    refused({{"trial", 0}, {"rung", 0}, {"ending", "complete"}}, "there is no rung 0 of a trial 0");
    refused({{"budget", {{"trials", -1}, {"core_hours", 0}, {"hours", 0}, {"kwh", 0}}}}, "'trials' is no amount");
    refused({{"budget", {{"trials", 1}, {"core_hours", -2}, {"hours", 0}, {"kwh", 0}}}}, "'core_hours' is no amount");
    refused({{"spent", 5}}, "what it spent is no object");
    refused({{"other", 5}}, "has no 'trial'");

    const std::string trial = head + search_line(trial_object(0, SearchState(folder.path()).facts().space, kFirst));
    const auto outcome = [&](const Json& change) {
        Json line = outcome_object({0, 0}, {.score = 0.5, .epochs = 1});
        line.update(change);
        return trial + search_line(line);
    };
    CHECK(read_facts(outcome(Json::object()), "x").outcomes.size() == 1);
    for (const auto& [change, message] :
         std::vector<std::pair<Json, std::string>>{{{{"rung", 1}}, "has not completed the rung before"},
                                                   {{{"rung", 3}}, "there is no rung 3 of a trial 0"},
                                                   {{{"trial", 1}}, "there is no rung 0 of a trial 1"},
                                                   {{{"ending", "fine"}}, "no trial ends 'fine'"},
                                                   {{{"score", "1"}}, "'score' is no number"},
                                                   {{{"seconds", -1}}, "'seconds' is no amount"},
                                                   {{{"message", 1}}, "'message' is no text"}}) {
        CHECK_THROWS_WITH(read_facts(outcome(change), "x"), contains(message));
    }
    CHECK_THROWS_WITH(read_facts(outcome(Json::object()) + search_line(outcome_object({0, 0}, {})), "x"),
                      contains("has an outcome already"));

    Json other = head_object(made_up_plan(), made_up_config(), kMadeUpSpace);
    other["keel_tune"] = 2;
    CHECK_THROWS_WITH(read_facts(search_line(other), "x"), contains("of format 2, this program reads 1"));
    other["keel_tune"] = 1;
    other["plan"]["eta"] = 1;
    CHECK_THROWS_WITH(read_facts(search_line(other), "x"), contains("eta: wanted 2 to 100, not 1"));
    CHECK_THROWS_WITH(read_facts("", "x"), contains("x does not hold a search"));
    CHECK_THROWS_WITH(read_facts("{}\n", "x"), contains("x:1: is no line of a search"));
    CHECK_THROWS_AS(read_facts(std::string(100'000, '[') + "\n", "x"), InputError);
}

TEST_CASE("What the disk does not take does not count", "[tune]") {
    const TemporaryFolder folder;
    SearchState state = new_state(folder);
    const std::string before = text_of(folder);
    {
        const DiskFaultScope full({.at = 1, .error = ENOSPC, .for_good = true, .only = static_cast<int>(Call::fsync)});
        CHECK_THROWS_AS(state.add_trial(kFirst), IoError);
    }
    CHECK(state.facts().points.empty());
    state.add_trial(kSecond);
    const SearchState again(folder.path());
    REQUIRE(again.facts().points.size() == 1);
    CHECK(same(again.facts().points[0], kSecond));
    CHECK(text_of(folder).starts_with(before));
}

TEST_CASE("A plan out of range is refused", "[tune]") {
    const auto refused = [](auto SearchPlan::*field, auto value, const std::string& message) {
        SearchPlan plan = made_up_plan();
        plan.*field = value;
        CHECK_THROWS_AS(check_plan(plan), UsageError);
        CHECK_THROWS_WITH(check_plan(plan), contains(message));
    };
    refused(&SearchPlan::method, std::string("hyperband"), "wanted asha, halving or full");
    refused(&SearchPlan::sampler, std::string("grid"), "wanted random or tpe");
    refused(&SearchPlan::eta, 1, "eta: wanted 2 to 100");
    refused(&SearchPlan::min_epochs, 0, "min_epochs: wanted 1 at least");
    refused(&SearchPlan::parallel, 0, "parallel: wanted 1 to 1024");
    refused(&SearchPlan::threads, 0, "threads: wanted 1 to 1024");
    refused(&SearchPlan::metric, std::string("train_loss"), "begins with val_");
    TrainConfig config = made_up_config();
    config.eval_every = 2;
    CHECK_THROWS_WITH(rungs_of(made_up_plan(), config), contains("eval_every 2 validates none"));
    config.eval_every = 9;
    SearchPlan full = made_up_plan();
    full.method = "full";
    CHECK(rungs_of(full, config) == std::vector{9});
}

}  // namespace keel::tune
