// The progress bar of keel train, one an epoch.
#pragma once

#include <optional>

#include "runs/terminal/progress.h"
#include "train/observer.h"

namespace keel {

class TrainProgress final : public TrainObserver {
public:
    explicit TrainProgress(bool quiet) : quiet_(quiet) {}
    void on_step(const StepReport& report) override;
    void on_epoch_trained(const EpochTrained& report) override;
    void on_end() override { bar_.reset(); }

private:
    bool quiet_;
    std::optional<Progress> bar_;
};

}  // namespace keel
