// The ranks that mpirun or srun started.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "distributed/world.h"

namespace keel {

/// Returns how many ranks mpirun or srun started, of which this process is one; 1 where neither did. Reads the
/// environment alone.
int launched_ranks();

/// Runs `body` with the ranks that mpirun or srun started; with a world of one where none did. A world that an
/// exception leaves is not taken down, which would wait for ranks that wait for this one: see abort_ranks(). Throws
/// UsageError where ranks were started and Keel was built without MPI or MPI does not find as many: each would be a
/// run of its own, all in one place. IoError where MPI fails. An MPI that has not ended 10 s after all ranks' bodies is
/// not waited for: a line on stderr says so, and this process, and all ranks with it, end with the highest code of a
/// body.
int with_launched_ranks(const std::function<int(World&)>& body);

/// Waits 0.1 s where Hydra (MPICH, Intel MPI) has started this process: of ranks that end by themselves or by
/// MPI_Abort() it drops what they wrote just before. Does nothing else.
void let_launcher_read();

/// Returns "Open MPI 4.1.4" or "MPICH 4.0.2" of what MPI_Get_library_version() says, which is a line or a page; its
/// first words where they are those of another make.
std::string mpi_name(std::string_view version);

}  // namespace keel
