// Ranks over MPI, which is the only file of Keel that calls it; without MPI, distributed/mpi/missing.cpp stands in.
#pragma once

#include <memory>
#include <string>

#include "distributed/communicator.h"

namespace keel {

/// "Open MPI 4.1.4" or "MPICH 4.0.2", as it is there when the program runs; empty where Keel was built without MPI.
std::string mpi_library();

/// Starts MPI. The thread that calls this is the only one that uses the communicator, and destroys it. Throws
/// UsageError where Keel was built without MPI, IoError where MPI fails.
std::unique_ptr<Communicator> mpi_communicator();

/// Ends all ranks at once with this exit code, if MPI runs: after a failure of this one, which the others would wait
/// for.
void abort_ranks(int exit_code);

}  // namespace keel
