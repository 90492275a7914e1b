// Keeps in a run's directory what its trainer tells: log, metrics, predictions of the best, steps that were not
// applied.
#pragma once

#include <chrono>

#include "runs/energy/run_meter.h"
#include "runs/run_directory.h"
#include "train/observer.h"

namespace keel {

class RunRecorder final : public TrainObserver {
public:
    /// `meter` is told of everything before this and outlives it; null: what the run takes is not kept. Of a run that
    /// goes on (`resumes`) it is given what was spent before.
    explicit RunRecorder(RunDirectory& directory, RunMeter* meter = nullptr, bool resumes = false);

    void on_resume(const ResumeReport& report) override;
    void on_start(const TrainStart& start) override;
    void on_step(const StepReport& report) override;
    void on_epoch_trained(const EpochTrained& report) override;
    void on_epoch(const EpochReport& report) override;
    void before_checkpoint() override;
    void on_checkpoint(const CheckpointReport& report) override;
    void on_skip(const SkippedStep& step) override;
    void on_teachers_asked(const TeachersAsked& asked) override;
    void on_remark(const std::string& remark) override;
    void on_bad_image(const BadImage& bad) override;
    void on_end() override { write_spent(); }
    /// Requests nothing, but throws UsageError once another process has taken the run over.
    std::optional<StopRequest> should_stop(double seconds_needed) override;

private:
    void write_spent();

    RunDirectory& directory_;
    RunMeter* meter_;
    std::chrono::steady_clock::time_point spent_written_ = std::chrono::steady_clock::now();
};

}  // namespace keel
