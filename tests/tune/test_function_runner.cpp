// Trials that the process trains itself.
#include "tune/function_runner.h"

#include <atomic>
#include <chrono>
#include <cmath>
#include <new>
#include <set>
#include <stdexcept>
#include <thread>

#include "engine/checkpoint.h"
#include "engine/files.h"
#include "engine/paths.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/train/small_training.h"
#include "tests/tune/made_up_search.h"
#include "train/config_file.h"
#include "train/trainer.h"
#include "tune/open_search.h"
#include "tune/process_runner.h"
#include "tune/results.h"
#include "tune/run_search.h"
#include "tune/search.h"

using namespace keel;
using namespace keel::test;

namespace keel::tune {

using test::contains;

namespace {

constexpr const char* kOwnSpace =
    "lr = { log_uniform = [1e-4, 1] }\n"
    "width = { log_integer = [8, 64], own = true }\n"
    "shape = { choice = [\"deep\", \"flat\"], own = true }\n"
    "depth = { integer = [1, 4], own = true, when = { shape = \"deep\" } }\n";

SearchRequest own_request(const TemporaryFolder& folder, int parallel = 2) {
    return {.folder = folder / "search",
            .resume = true,
            .config = made_up_config(),
            .space_text = kOwnSpace,
            .plan = made_up_plan(parallel),
            .budget = {.trials = 12}};
}

/// A formula, which knows from a file how far the trial was trained before.
std::optional<double> formula(const Trial& trial) {
    const std::string file = trial.config().out + "/epochs";
    const int before = is_there(file) ? std::stoi(read_file(file, 100)) : 0;
    if (before > trial.epochs()) throw std::logic_error("it was trained further");
    write_file_atomically(file, std::to_string(trial.epochs()));
    const double depth = trial.has("depth") ? trial.number("depth") : 0;
    return 1 - 0.1 * std::abs(std::log10(trial.config().lr) + 2) - 0.05 * std::abs(trial.number("width") / 32 - 1) +
           0.01 * depth - 0.3 / trial.epochs();
}

/// Goes on with the search in the folder, or begins it, until `stop` says so; what came of it.
SearchFacts search_on(const SearchRequest& request, const Objective& objective, SearchObserver* observer = nullptr,
                      SearchReport* report = nullptr) {
    const OpenedSearch opened = open_search(request);
    FunctionRunner runner(objective);
    const SearchReport ended = Search(*opened.state, runner, request.folder, {.observer = observer}).run();
    if (report != nullptr) *report = ended;
    return opened.state->facts();
}

class StopsAfter final : public SearchObserver {
public:
    explicit StopsAfter(int outcomes) : left_(outcomes) {}
    void on_outcome(const Job&, const Outcome&, const SearchFacts&) override { --left_; }
    std::string should_stop() override { return left_ <= 0 ? "the test" : ""; }

private:
    int left_;
};

/// The end of the trial that a runner has; it comes in a minute.
TrialEnd end_of(TrialRunner& runner) {
    for (int i = 0; i < 600; ++i)
        if (auto end = runner.wait(0.1)) return *end;
    FAIL("a trial did not end in a minute");
    return {};
}

Outcome outcome_of(const TemporaryFolder& folder, const Objective& objective) {
    FunctionRunner runner(objective);
    TrainConfig config = made_up_config();
    config.out = folder / "trial";
    runner.start({.worker = 3, .job = {5, 0}, .epochs = 1, .config = config, .values = {{"width", "12"}, {"a", "b"}}});
    const TrialEnd end = end_of(runner);
    CHECK(end.worker == 3);
    REQUIRE(end.outcome);
    return *end.outcome;
}

}  // namespace

TEST_CASE("A program searches over a function of its own, and goes on with what was stopped", "[tune]") {
    const TemporaryFolder whole_folder, folder;
    SearchReport report;
    const SearchFacts whole = search_on(own_request(whole_folder), formula, nullptr, &report);
    CHECK(report.end == SearchEnd::finished);
    REQUIRE(report.best);
    CHECK(whole.points.size() == 12);
    CHECK(whole.outcomes.at({*report.best, 2}).epochs == 9);
    for (const auto& [job, outcome] : whole.outcomes) CHECK(outcome.ending == Ending::complete);
    for (int i = 0; i < 4; ++i) {
        StopsAfter observer(3);
        search_on(own_request(folder), formula, &observer, &report);
    }
    CHECK(what_counts(search_on(own_request(folder), formula)) == what_counts(whole));

    write_results(whole, whole_folder.path(), true);
    const std::string best = read_file(whole_folder / "best.toml", 1 << 20);
    CHECK_THAT(best, contains("# Of the program that searched: width = "));
    TrainConfig config;
    apply_toml(config, best, "best.toml");
    CHECK(config.lr == whole.points[static_cast<std::size_t>(*report.best)][0]);
    CHECK_THAT(read_file(whole_folder / "trials.csv", 1 << 20), contains(",kwh,lr,shape,width,depth,message\n"));
}

TEST_CASE("What an objective throws is what became of its trial", "[tune]") {
    const TemporaryFolder folder;
    const Outcome good = outcome_of(folder, [](const Trial& trial) {
        CHECK((trial.index() == 5 && trial.epochs() == 1 && trial.config().pause_after == 1));
        CHECK((trial.number("width") == 12 && trial.text("a") == "b" && !trial.has("c") && !trial.should_stop()));
        CHECK_THROWS_WITH(trial.text("c"), contains("trial 5 has no parameter 'c'"));
        CHECK_THROWS_WITH(trial.number("a"), contains("a: wanted a number, not 'b'"));
        CHECK(is_folder(trial.config().out));
        return 0.75;
    });
    CHECK((good.ending == Ending::complete && good.score == 0.75 && good.epochs == 1));
    CHECK(std::isnan(outcome_of(folder, [](const Trial&) { return NAN; }).score));
    CHECK(std::isnan(outcome_of(folder, [](const Trial&) { return INFINITY; }).score));
    const auto failed = [&](auto error) {
        return outcome_of(folder, [&](const Trial&) -> std::optional<double> { throw error; });
    };
    const Outcome diverged = failed(DivergedError("a loss\nof NaN"));
    CHECK((diverged.ending == Ending::diverged && diverged.message == "a loss of NaN" && std::isnan(diverged.score)));
    CHECK(failed(UsageError("no such model")).ending == Ending::refused);
    CHECK(failed(InputError("no such image")).message == "no such image");
    CHECK((failed(std::bad_alloc()).ending == Ending::crashed && failed(std::bad_alloc()).message == "out of memory"));
    CHECK(failed(std::logic_error("a bug")).message == "a bug");
    CHECK(failed(17).ending == Ending::crashed);
    CHECK_THROWS_AS(failed(StorageError("the disk does not answer")), StorageError);
    CHECK_THROWS_AS(FunctionRunner(nullptr), UsageError);
}

TEST_CASE("A search's end asks the trials under way to stop, and waits for them", "[tune]") {
    const TemporaryFolder folder;
    std::atomic<int> under_way{0}, stopped{0};
    const Objective waits = [&](const Trial& trial) -> std::optional<double> {
        ++under_way;
        while (!trial.should_stop()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        ++stopped;
        return std::nullopt;
    };
    class WhenBothRun final : public SearchObserver {
    public:
        explicit WhenBothRun(const std::atomic<int>& count) : count_(count) {}
        std::string should_stop() override { return count_ == 2 ? "the test" : ""; }

    private:
        const std::atomic<int>& count_;
    } observer(under_way);
    SearchReport report;
    const SearchFacts facts = search_on(own_request(folder), waits, &observer, &report);
    CHECK((report.end == SearchEnd::stopped && report.reason == "the test"));
    CHECK((under_way == 2 && stopped == 2 && facts.outcomes.empty() && facts.points.size() == 2));
    {
        FunctionRunner runner(waits);
        TrainConfig config = made_up_config();
        config.out = folder / "trial";
        runner.start({.worker = 0, .epochs = 1, .config = config});
        while (under_way < 3) std::this_thread::yield();
    }
    CHECK(stopped == 3);
    // One that nobody asked to stop, and that stops all the same, ends the search, too.
    search_on(
        own_request(folder), [](const Trial&) { return std::nullopt; }, nullptr, &report);
    CHECK((report.end == SearchEnd::stopped && contains("somebody who stopped a trial").match(report.reason)));
}

TEST_CASE("A trial that keel::Trainer trains in this process pauses and goes on to the bit", "[tune]") {
    const TemporaryFolder folder;
    SearchRequest request{.folder = folder / "search",
                          .config = small_config(),
                          .space_text = "lr = { log_uniform = [1e-3, 0.1] }",
                          .plan = {.eta = 2, .threads = 1},
                          .budget = {.trials = 2}};
    request.config->schedule = "cosine";
    request.config->momentum = 0.9;
    std::set<std::string> resumed;
    const auto train = [&](const TrainConfig& config) {
        struct Listener final : TrainObserver {
            explicit Listener(std::set<std::string>& to) : files(to) {}
            void on_resume(const ResumeReport& resume) override { files.insert(resume.file.string()); }
            std::set<std::string>& files;
        } listener(resumed);
        Trainer trainer(config, listener, {.dataset = drawn_images(16, 8)});
        CHECK(trainer.resume_newest().empty());
        return trainer.run();
    };
    SearchReport report;
    const SearchFacts facts = search_on(
        request, [&](const Trial& trial) { return train(trial.config()).best_metric; }, nullptr, &report);
    CHECK(facts.rungs == std::vector<int>{1, 2});
    REQUIRE(report.best);
    REQUIRE(facts.outcomes.contains({*report.best, 1}));
    const std::string checkpoint = "/checkpoints/last.safetensors";
    const std::string paused = trial_folder(request.folder, *report.best).string();
    CHECK(resumed.contains(paused + checkpoint));
    TrainConfig config = *request.config;
    apply(facts.space, facts.points[static_cast<std::size_t>(*report.best)], config);
    config.out = folder / "whole";
    const TrainResult whole = train(config);
    CHECK(whole.best_metric == facts.outcomes.at({*report.best, 1}).score);
    const std::string weights = bytes_of(load_checkpoint(whole.last).tensors);
    CHECK(bytes_of(load_checkpoint(paused + checkpoint).tensors) == weights);

    // A checkpoint that is damaged is said, and the one before it taken.
    const std::string text = read_file(config.out + checkpoint, 1 << 28);
    write_file_atomically(config.out + checkpoint, text.substr(0, text.size() / 2));
    TrainObserver nobody;
    Trainer trainer(config, nobody, {.dataset = drawn_images(16, 8)});
    const std::vector<std::string> said = trainer.resume_newest();
    REQUIRE(said.size() == 1);
    CHECK_THAT(said[0], contains("last.safetensors"));
    CHECK(bytes_of(load_checkpoint(trainer.run().last).tensors) == weights);
}

TEST_CASE("Processes of keel train are not asked for parameters of a program's own", "[tune]") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "space.toml", kOwnSpace);
    SearchRun run{.request = own_request(folder)};
    run.request.space_text.clear();
    run.request.space = folder / "space.toml";
    CHECK_THROWS_WITH(run_search(run), contains("is of a program of its own, no option of keel train"));
    CHECK_FALSE(is_there(folder / "search"));
    open_search(own_request(folder));
    CHECK_THROWS_WITH(run_search(run), contains("no option of keel train"));  // nor of a search that goes on
    SearchRequest other = own_request(folder);
    other.space_text = "lr = { log_uniform = [1e-4, 1] }\n";
    CHECK_THROWS_WITH(open_search(other), contains("the space is another space"));
}

}  // namespace keel::tune
