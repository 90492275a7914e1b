// `keel train --trace-steps`: a timeline of some steps over all ranks, for chrome://tracing or Perfetto.
#pragma once

#include "runs/run_directory.h"
#include "distributed/world.h"

namespace keel::cli {

class StepTrace {
public:
    /// `steps` of this process are recorded, behind the first ones, in which plans are made and overlap is tried; 0: none.
    StepTrace(World& world, RunDirectory& directory, int steps);

    /// Between two steps. All ranks call it.
    void behind_step();
    /// Writes what there is, if the run ends before. All ranks call it.
    void finish();

private:
    World& world_;
    RunDirectory& directory_;
    int steps_, behind_ = 0;
    bool recording_ = false;
};

}  // namespace keel::cli
