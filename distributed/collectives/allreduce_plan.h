// The steps of an allreduce, made by pure functions; allreduce.h only runs through them. docs/collectives.md draws
// them.
#pragma once

#include <cstdint>
#include <vector>

namespace keel {

/// Elements [begin, begin + count).
struct ElementRange {
    std::int64_t begin = 0, count = 0;
    std::int64_t end() const { return begin + count; }
    bool operator==(const ElementRange&) const = default;
};

/// Returns part i of `parts` of a range, whose sizes differ by one element at most.
ElementRange part_of(const ElementRange& range, std::int64_t i, std::int64_t parts);

/// A message out and one in, side by side.
struct Transfer {
    int to = -1, from = -1;  ///< ranks; -1: no such message
    ElementRange sent, received;
    bool adds = false;  ///< what comes in is added to what is there, else it takes its place
    /// The transfer whose incoming message must be dealt with before this one's goes out; -1: none. Never falls in a
    /// plan.
    std::int64_t after = -1;
};

/// The transfers of one rank in their order. A ring of P ranks has 2 (P - 1) of them or more: they are computed when
/// they are asked for, so that a plan takes memory for log2 P exchanges at most, however many ranks there are.
class AllreducePlan {
public:
    /// Transfers of equal kind that follow one another: `whole` in `segments` messages.
    struct Exchange {
        Transfer whole;
        std::int64_t segments = 1;
        /// Message k waits for the one that came in so many messages before it; 0: for all before the exchange.
        std::int64_t distance = 0;
        std::int64_t first = 0;  ///< transfer of the plan
    };
    /// What rank `rank` of a ring does with `count` elements.
    struct Ring {
        int rank = 0, ranks = 1;
        std::int64_t count = 0, segments = 1;
    };

    AllreducePlan() = default;
    explicit AllreducePlan(const Ring& ring) : ring_(ring), size_(2 * (ring.ranks - 1) * ring.segments) {}
    /// Adds an exchange behind those that are there.
    void add(Exchange exchange);

    std::int64_t size() const { return size_; }
    Transfer operator[](std::int64_t i) const;

private:
    Ring ring_;
    std::vector<Exchange> exchanges_;  // empty: a ring
    std::int64_t size_ = 0;
};

/// Plans a reduce-scatter, then an allgather, each rank to the next one: 2 (P - 1) blocks of count / P out of each
/// rank. A block travels in segments of at most `segment` elements, so that one is added while the next is on the wire
/// (Patarasu and Yuan 2009).
AllreducePlan plan_ring(int rank, int ranks, std::int64_t count, std::int64_t segment);

/// Plans recursive vector halving and distance doubling, then the way back (Rabenseifner 2004): 2 log2 P messages out
/// of each rank, and sums by a binary tree over the ranks. Of P that are no power of two, the first 2 (P - 2^k) ranks
/// pair up before and after.
AllreducePlan plan_halving_doubling(int rank, int ranks, std::int64_t count, std::int64_t segment);

/// Returns how many elements go out.
std::int64_t elements_sent(const AllreducePlan& plan);

}  // namespace keel
