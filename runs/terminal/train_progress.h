// The progress bars of keel train: one an epoch, and one while teachers are asked.
#pragma once

#include <optional>

#include "runs/energy/run_meter.h"
#include "runs/terminal/progress.h"
#include "train/observer.h"

namespace keel {

class TrainProgress final : public TrainObserver {
public:
    /// `meter` is told of each step before this; null: nothing is said of the whole run.
    explicit TrainProgress(bool quiet, const RunMeter* meter = nullptr) : quiet_(quiet), meter_(meter) {}
    void on_teachers_asked(const TeachersAsked& asked) override;
    void on_step(const StepReport& report) override;
    void on_epoch_trained(const EpochTrained& report) override;
    void on_end() override { bar_.reset(); }

private:
    bool quiet_;
    const RunMeter* meter_;
    std::optional<Progress> bar_;
};

}  // namespace keel
