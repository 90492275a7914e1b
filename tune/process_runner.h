// Trials as processes of keel train, side by side.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "distributed/processes/child.h"
#include "tune/trial_runner.h"
#include "tune/work_clock.h"

namespace keel::tune {

struct ProcessOptions {
    std::string metric = "auto";  ///< see read_trial_score()
    /// Returns the words of a worker's process, by those that follow "keel": of this program alone, or behind mpirun's.
    std::function<std::vector<std::string>(int worker, const std::vector<std::string>& words)> command{};
    int retries = 1;  ///< of a process that a signal, a lost rank or its storage ended, from its last checkpoint
    std::function<void(const std::string&)> say{};  ///< hears what should be known, a sentence
};

/// A trial is `keel train --resume auto` in its own folder, which pauses behind the epochs of its order. A process that
/// crashes is started once more; if it does so again, that is the trial's outcome. One that says that its storage does
/// not answer ends the search by IoError: that is no fault of the trial's. Processes end with this one, saved.
class ProcessRunner final : public TrialRunner {
public:
    explicit ProcessRunner(ProcessOptions options);

    void start(const TrialOrder& order) override;
    std::optional<TrialEnd> wait(double seconds) override;
    void stop() override;
    void settled(int worker) override;
    double now() override { return clock_.now(); }

private:
    struct Trial {
        TrialOrder order{};
        std::unique_ptr<Child> child{};
        std::string last_line{};
        int starts = 0;
        bool over = false;  // failed: nobody goes on with it
    };

    void begin(Trial& trial);
    std::optional<TrialEnd> conclude(Trial& trial);
    std::optional<TrialEnd> look();

    ProcessOptions options_;
    std::map<int, Trial> trials_;  // by worker, the newest of each
    std::deque<TrialEnd> ready_;   // that ended before they began
    bool stopping_ = false, said_undefined_ = false;
    WorkClock clock_;
};

}  // namespace keel::tune
