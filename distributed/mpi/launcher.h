// What the launcher of this process says about the ranks it started: read from the environment, before MPI is asked.
#pragma once

#include <functional>
#include <string>

namespace keel {

/// Returns the value of a variable of the environment, null where it is not set.
using Environment = std::function<const char*(const char* name)>;

struct LauncherWord {
    int ranks = 1;
    std::string variable;  ///< the one that says it; empty: this process was started alone
    bool mpi = false;      ///< the launcher connects its ranks: MPI is worth starting
};

/// Open MPI's mpirun says OMPI_COMM_WORLD_SIZE, those of MPICH and Intel MPI and srun --mpi=pmi2 PMI_SIZE, MVAPICH's
/// MV2_COMM_WORLD_SIZE, IBM's jsrun JSM_NAMESPACE_SIZE; srun alone SLURM_STEP_NUM_TASKS, which mpirun's ranks inherit
/// of the daemons that it starts by srun, so that it counts where nobody else says anything. A pure function.
LauncherWord launcher_word(const Environment& environment);

/// Throws UsageError, with what to do, where MPI knows of another number of ranks than the launcher started: each of
/// them would work alone, in the place of all. `library` is Keel's MPI, for the message.
void require_launched(const LauncherWord& word, int ranks, const std::string& library);

}  // namespace keel
