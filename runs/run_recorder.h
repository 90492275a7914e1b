// Keeps in a run's directory what its trainer tells: log, metrics, predictions of the best, steps that were not
// applied.
#pragma once

#include "runs/run_directory.h"
#include "train/observer.h"

namespace keel {

class RunRecorder final : public TrainObserver {
public:
    explicit RunRecorder(RunDirectory& directory) : directory_(directory) {}

    void on_resume(const ResumeReport& report) override;
    void on_start(const TrainStart& start) override;
    void on_epoch_trained(const EpochTrained& report) override;
    void on_epoch(const EpochReport& report) override;
    void before_checkpoint() override;
    void on_checkpoint(const CheckpointReport& report) override;
    void on_skip(const SkippedStep& step) override;
    void on_remark(const std::string& remark) override;
    void on_bad_image(const BadImage& bad) override;
    /// Requests nothing, but throws UsageError once another process has taken the run over.
    std::optional<StopRequest> should_stop(double seconds_needed) override;

private:
    RunDirectory& directory_;
};

}  // namespace keel
