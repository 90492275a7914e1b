// Signals and the time limit, as a trainer's observer.
#pragma once

#include <optional>
#include <utility>

#include "cli/cluster/time_limit.h"
#include "train/observer.h"
#include "train/trainer.h"

namespace keel::cli {

/// The request's code is the signal's number; 0 for the time limit.
class StopObserver final : public TrainObserver {
public:
    /// `remark` is told once where a launcher would not wait until a step and a save are done (mpirun_grace()).
    explicit StopObserver(TimeLimit limit, Remarks remark = {}) : limit_(limit), remark_(std::move(remark)) {}
    std::optional<StopRequest> should_stop(double seconds_needed) override;

private:
    TimeLimit limit_;
    Remarks remark_;
};

/// Returns the seconds between SIGTERM and SIGKILL that Open MPI's mpirun gives this rank (its parameter
/// odls_base_sigkill_timeout, 1); none where no mpirun started it.
std::optional<double> mpirun_grace();

/// Returns the exit code of a run that ended so, its state saved.
int exit_code_of(const TrainResult& result);

}  // namespace keel::cli
