// What an allreduce costs, from a few measured numbers: alpha (a message), beta (a byte on the wire), gamma (a byte
// added). The formulas are those of Thakur, Rabenseifner and Gropp (Optimization of Collective Communication Operations
// in MPICH, 2005), with pipelined segments and a level of shared memory; docs/collectives.md derives them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "distributed/shared_memory.h"

namespace keel {

enum class Algorithm : std::uint8_t {
    ring,              ///< reduce-scatter and allgather round a ring, in segments
    halving_doubling,  ///< recursive halving, then doubling: few messages
    hierarchical  ///< sums in the shared memory of each node, then rings between nodes, one for each rank of a node
};

std::string_view name(Algorithm algorithm);
/// The inverse; throws UsageError for another word.
Algorithm algorithm_of(std::string_view word);

/// Seconds; the bytes are those of the payload.
struct CostModel {
    double alpha = 20e-6;      ///< a message, from one rank to another that waits for it
    double beta = 1e-10;       ///< a byte, through the slowest link between two ranks (one network port a node)
    double gamma = 2e-10;      ///< a byte received, added to what is there
    double node_alpha = 5e-6;  ///< the ranks of a node wait for one another in shared memory, once
    double node_gamma =
        2e-10;  ///< a byte of one rank's share, summed over two windows of shared memory and written to both
};

/// Ranks, evenly over nodes; `per_node` ranks share memory.
struct Cluster {
    int ranks = 1;
    int per_node = 1;

    int nodes() const { return (ranks + per_node - 1) / per_node; }
};

/// How many bytes go in one message, at most.
constexpr std::int64_t kSegmentBytes = 256 << 10;

/// Whether the ranks of one node sum so many bytes with one wait: each gives them to all others, and adds all.
constexpr bool fits_slots(int ranks, std::int64_t bytes) {
    return ranks <= 8 && bytes <= static_cast<std::int64_t>(SharedMemory::kSlotBytes);
}

/// Predicted seconds of an allreduce of `bytes` by all ranks of the cluster at once. 0 for one rank.
double predicted_seconds(Algorithm algorithm, const CostModel& model, const Cluster& cluster, std::int64_t bytes,
                         std::int64_t segment_bytes = kSegmentBytes);

/// The one that is predicted to be fastest; hierarchical only where `shared_memory`.
Algorithm fastest_algorithm(const CostModel& model, const Cluster& cluster, std::int64_t bytes, bool shared_memory,
                            std::int64_t segment_bytes = kSegmentBytes);

}  // namespace keel
