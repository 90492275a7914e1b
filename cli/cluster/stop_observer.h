// Signals and the time limit, as a trainer's observer.
#pragma once

#include "cli/cluster/time_limit.h"
#include "train/observer.h"

namespace keel::cli {

/// The request's code is the signal's number; 0 for the time limit.
class StopObserver final : public TrainObserver {
public:
    explicit StopObserver(TimeLimit limit) : limit_(limit) {}
    std::optional<StopRequest> should_stop(double seconds_needed) override;

private:
    TimeLimit limit_;
};

/// Returns the exit code of a run that stopped for this with its state saved.
int exit_code_of(const StopRequest& request);

}  // namespace keel::cli
