// What trains trials for a search: processes of keel train (process_runner.h), a function of a program's own
// (function_runner.h), or whatever else a program or a test makes up. Time is the runner's own, so that a test's may be
// made up as well.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "train/train_config.h"
#include "tune/outcome.h"
#include "tune/planner.h"

namespace keel::tune {

struct TrialOrder {
    int worker = 0;  ///< from 0; each has one order at a time
    Job job{};
    int epochs = 0;                               ///< to train to, in all; the trial goes on from where it is
    TrainConfig config{};                         ///< whose epochs are those of the last rung, out the trial's folder
    std::map<std::string, std::string> values{};  ///< of the space's parameters that are there, see value_text()
};

/// Returns the pause_after of an order's run; 0: it goes to its end.
inline int pause_of(const TrialOrder& order) { return order.epochs < order.config.epochs ? order.epochs : 0; }

/// A worker is free again.
struct TrialEnd {
    int worker = 0;
    /// What became of the job, its times and energy left out; none where it was stopped, to go on another time.
    std::optional<Outcome> outcome{};
};

class TrialRunner {
public:
    virtual ~TrialRunner() = default;

    /// Begins a job and returns.
    virtual void start(const TrialOrder& order) = 0;
    /// Waits until a job ends, `seconds` at most.
    virtual std::optional<TrialEnd> wait(double seconds) = 0;
    /// Asks all jobs to save and end.
    virtual void stop() = 0;
    /// A worker's outcome is on the disk: what only a repetition of its job would have needed may go.
    virtual void settled([[maybe_unused]] int worker) {}
    /// Returns seconds of a clock that never goes back, and stands still where this process does not run.
    virtual double now() = 0;
};

}  // namespace keel::tune
