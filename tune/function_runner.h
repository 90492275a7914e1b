// Trials that this process trains itself: a function of the program's own says how good each is.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "tune/trial_runner.h"
#include "tune/work_clock.h"

namespace keel::tune {

/// A trial as an objective sees it. It is called once for each rung that the trial comes to, maybe by another process.
class Trial {
public:
    Trial(const TrialOrder& order, const std::atomic<bool>& stopping) : order_(order), stopping_(stopping) {}

    int index() const { return order_.job.trial; }
    /// Returns the epochs to train to, in all: from where the call before left the trial.
    int epochs() const { return order_.epochs; }
    /// Returns the search's configuration with the options that the space chose. `out` is a folder of the trial's own,
    /// which is there and stays from call to call; `epochs` are those of the last rung, `pause_after` is where
    /// keel::Trainer pauses for this one.
    const TrainConfig& config() const { return order_.config; }

    /// Returns whether a parameter of the space is there, by the values of others.
    bool has(const std::string& key) const { return order_.values.contains(key); }
    /// Returns its value as the space has it: "sgd", "32", "true". Throws UsageError where it is not there.
    const std::string& text(const std::string& key) const;
    /// Returns its value. Throws UsageError where it is not there, or no number.
    double number(const std::string& key) const;

    /// Returns whether the trial should save its state and return nothing: the search ends here, to go on another time.
    bool should_stop() const { return stopping_; }

private:
    const TrialOrder& order_;
    const std::atomic<bool>& stopping_;
};

/// Returns the best score of a trial so far, NaN where it has none that is defined; nothing where it was stopped before
/// it had come to its epochs. DivergedError is a trial that diverged, UsageError and InputError one that is refused,
/// IoError ends the search, all else is a trial that crashed.
using Objective = std::function<std::optional<double>(const Trial& trial)>;

/// Calls the objective on a thread of its own for each trial under way: with SearchPlan::parallel above 1 it is called
/// by several at once.
class FunctionRunner final : public TrialRunner {
public:
    explicit FunctionRunner(Objective objective);
    /// Asks trials under way to stop, and waits for them.
    ~FunctionRunner() override;
    FunctionRunner(const FunctionRunner&) = delete;
    FunctionRunner& operator=(const FunctionRunner&) = delete;

    void start(const TrialOrder& order) override;
    std::optional<TrialEnd> wait(double seconds) override;
    void stop() override { stopping_ = true; }
    double now() override { return clock_.now(); }

private:
    struct Ended {
        TrialEnd end{};
        std::exception_ptr failure{};  ///< that ends the search
    };
    Ended run(const TrialOrder& order) const;

    Objective objective_;
    WorkClock clock_;
    std::atomic<bool> stopping_{false};
    std::map<int, std::thread> threads_;  // by worker
    std::mutex mutex_;                    // guards ended_
    std::condition_variable changed_;
    std::deque<Ended> ended_;
};

}  // namespace keel::tune
