// Searches how to train on small images, or goes on with that:  tune_cpp folder:IMAGES searches/first 20
#include <keel/tune/tune.h>
#include <keel/keel.hpp>

#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace tune = keel::tune;

constexpr const char* kSpace =
    "lr = { log_uniform = [1e-4, 0.1] }\n"
    "optimizer = { choice = ['sgd', 'adamw'] }\n"
    "decay_by_lr = { log_uniform = [0.01, 1], own = true }\n";  // train() knows what it is

struct Watcher final : keel::TrainObserver {
    explicit Watcher(const tune::Trial& watched) : trial(watched) {}
    std::optional<keel::StopRequest> should_stop(double) override {
        return trial.should_stop() ? std::optional(keel::StopRequest{1, "the search"}) : std::nullopt;
    }
    const tune::Trial& trial;
};

/// Trains a trial on, from where it paused before; its score is its best validation so far.
std::optional<double> train(const tune::Trial& trial) {
    keel::TrainConfig config = trial.config();
    config.weight_decay = trial.number("decay_by_lr") * config.lr;
    Watcher watcher(trial);
    keel::Trainer trainer(config, watcher);
    trainer.resume_newest();
    const keel::TrainResult result = trainer.run();
    if (result.end == keel::TrainEnd::stopped) return std::nullopt;
    return result.best_metric.value_or(NAN);
}

struct Printer final : tune::SearchObserver {
    void on_outcome(const tune::Job& job, const tune::Outcome& outcome, const tune::SearchFacts&) override {
        std::printf("trial %d, epoch %d: %.6f %s\n", job.trial, outcome.epochs, outcome.score, outcome.message.c_str());
    }
};

int main(int argc, char** argv) try {
    keel::TrainConfig config;
    config.model = "resnet20";
    config.image_size = 28;
    config.epochs = 9;  // of the best trials; others pause after one, or three
    config.data = argc > 3 ? argv[1] : throw keel::UsageError(std::string("usage: ") + argv[0] + " DATA OUT TRIALS");
    tune::SearchRequest request{.folder = argv[2], .resume = true, .config = config, .space_text = kSpace};
    request.plan.threads = keel::thread_count();
    request.budget.trials = std::atoi(argv[3]);
    const tune::OpenedSearch opened = tune::open_search(request);
    Printer printer;
    tune::FunctionRunner runner(train);
    const tune::SearchReport report = tune::Search(*opened.state, runner, argv[2], {.observer = &printer}).run();
    tune::write_results(opened.state->facts(), argv[2], true);
    if (report.best) std::printf("best: trial %d, see %s/best.toml and report.html\n", *report.best, argv[2]);
} catch (const keel::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
