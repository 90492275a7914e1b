// Ranks as threads of one process: any number of them without mpirun, for tests and for programs that divide one
// machine.
#pragma once

#include <functional>

#include "distributed/communicator.h"

namespace keel {

class World;

struct ThreadWorld {
    int ranks = 1;
    int per_node = 1;  ///< consecutive ranks that share memory
    /// Empty or called before each step of a rank (a send, a receive, a wait, a barrier), e.g. to lose time.
    std::function<void(int rank)> before_step{};
};

/// Runs `body` on every rank, each a thread, and returns when all have. A send completes only when it is received. An
/// exception of a rank is rethrown here; other ranks that wait for a message meanwhile throw as well.
void run_ranks(const ThreadWorld& world, const std::function<void(Communicator&)>& body);

/// The same for bodies that want a World, as a Trainer does. What belongs to the process is the ranks' common: the
/// number of compute threads, of which every rank has a team of its own, and the arena.
void run_worlds(const ThreadWorld& world, const std::function<void(World&)>& body);

}  // namespace keel
