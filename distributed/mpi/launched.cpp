#include "distributed/mpi/launched.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "distributed/mpi/mpi_communicator.h"

namespace keel {
namespace {

int number(const char* variable) {
    const char* text = std::getenv(variable);
    return text == nullptr ? 0 : std::atoi(text);
}

}  // namespace

int launched_ranks() {
    // Open MPI's mpirun; MPICH's; srun --mpi=pmix. A process that srun starts without PMIx is on its own.
    const int slurm = std::getenv("PMIX_RANK") != nullptr ? number("SLURM_STEP_NUM_TASKS") : 0;
    return std::max({1, number("OMPI_COMM_WORLD_SIZE"), number("PMI_SIZE"), slurm});
}

int with_launched_ranks(const std::function<int(World&)>& body) {
    auto world = std::make_unique<World>(
        [] { return std::shared_ptr<Communicator>(launched_ranks() > 1 ? mpi_communicator() : self_communicator()); });
    try {
        return body(*world);
    } catch (...) {
        if (!world->is_single()) static_cast<void>(world.release());
        throw;
    }
}

}  // namespace keel
