// What is settled before a run's first step.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/cluster/rank_cores.h"
#include "distributed/world.h"
#include "runs/run_lease.h"

namespace keel::cli {

/// Takes the lease of a run that goes on, before its checkpoint is read: nobody writes a newer one in between. None on
/// ranks that are not the first, and where there is no folder yet. Throws UsageError if another process writes to it.
std::unique_ptr<RunLease> lease_to_resume(const std::filesystem::path& out, World& world);

/// What take_lone_cores() made of the command line, before the configuration was read.
struct TakenThreads {
    int asked = 0;
    std::vector<std::string> notes;
};

/// Compute threads and the processors that they sit on: of a rank by take_cores(), of a program on its own by
/// take_lone_cores(), again where `wishes` asks for another number than `before`. Returns what should be known. Throws
/// IoError that names limits where the system refuses the threads beside them, `workers` that decode and a few.
std::vector<std::string> take_threads(const CoreWishes& wishes, int workers, const TakenThreads& before, World& world);

}  // namespace keel::cli
