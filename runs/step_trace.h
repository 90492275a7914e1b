// `keel train --trace-steps`: a timeline of some steps over all ranks, for chrome://tracing or Perfetto.
#pragma once

#include "distributed/world.h"
#include "runs/run_directory.h"
#include "train/observer.h"

namespace keel {

class StepTrace final : public TrainObserver {
public:
    /// Records so many steps of this process, after the first ones, in which plans are made and overlap is tried; 0:
    /// none.
    StepTrace(World& world, RunDirectory& directory, int steps);

    void on_step(const StepReport& report) override;
    void on_end() override { finish(); }

private:
    /// Writes what there is; all ranks call it.
    void finish();

    World& world_;
    RunDirectory& directory_;
    int steps_, done_ = 0;
    bool recording_ = false;
};

}  // namespace keel
