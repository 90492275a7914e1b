// How the ranks of a run reach one another. Three implementations: one rank alone (self_communicator), threads of one
// process (thread_communicator.h) and MPI (mpi_communicator.h). One thread of a rank uses its communicator.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "distributed/rank_group.h"
#include "distributed/shared_memory.h"

namespace keel {

/// Which ranks share memory: node_of[r] is the node of rank r; nodes are numbered in the order of their first ranks.
struct Topology {
    std::vector<int> node_of;

    int nodes() const;
    /// The ranks of a node, rising.
    std::vector<int> members(int node) const;
    /// How many ranks each node has, if all have equally many, else 0.
    int per_node() const;
    /// The ranks that have the same place in their nodes as `rank` has in its own, by node; none where nodes have
    /// different numbers of ranks.
    RankGroup peers(int rank) const;
};

/// A message under way. To destroy it before it is done is an error of the caller's.
class Message {
public:
    virtual ~Message() = default;
};
using Request = std::unique_ptr<Message>;

class Communicator {
public:
    virtual ~Communicator() = default;

    virtual int rank() const = 0;
    virtual int size() const = 0;
    virtual const Topology& topology() const = 0;

    /// Messages between two ranks with one tag arrive in the order in which they were sent; a receive names exactly the
    /// bytes that come. The memory must stay, unchanged for a send, until the request is done. Throws IoError where the
    /// network fails.
    virtual Request send(int to, int tag, const void* data, std::size_t bytes) = 0;
    virtual Request receive(int from, int tag, void* data, std::size_t bytes) = 0;
    virtual bool done(Message& message) = 0;
    virtual void wait(Message& message) = 0;

    /// Memory of `bytes` for each rank of this node, which all of them see, or, on all ranks of the world, each its own
    /// where a node has no room for it (SharedMemory::apart()). All ranks of the world call it, with equal `bytes`.
    virtual std::unique_ptr<SharedMemory> share(std::size_t bytes) = 0;
};

/// A world of one rank.
std::unique_ptr<Communicator> self_communicator();

}  // namespace keel
