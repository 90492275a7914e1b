// Ranks as threads of one process: any number of them without mpirun.
#pragma once

#include <functional>

#include "distributed/communicator.h"

namespace keel {

struct ThreadWorld {
    int ranks = 1;
    int per_node = 1;  ///< consecutive ranks that share memory
    /// Called before each step of a rank (a send, a receive, a wait, a barrier), e.g. to lose time.
    std::function<void(int rank)> before_step;
};

/// Runs `body` on every rank, each a thread, and returns when all have. A send completes only when it is received. An
/// exception of a rank is rethrown here; other ranks that wait for a message meanwhile throw as well.
void run_ranks(const ThreadWorld& world, const std::function<void(Communicator&)>& body);

}  // namespace keel
