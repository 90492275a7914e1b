// In place of communicator.cpp where Keel is built without MPI.
#include "distributed/mpi/mpi_communicator.h"
#include "kernels/error.h"

namespace keel {

std::string mpi_library() { return ""; }

std::unique_ptr<Communicator> mpi_communicator() {
    throw UsageError(
        "[mpi] this Keel was built without MPI: install libopenmpi-dev and build it anew, or start it without mpirun");
}

void abort_ranks(int) {}

}  // namespace keel
