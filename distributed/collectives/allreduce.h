// Sums over all ranks, in place: runs through the plans of allreduce_plan.h. All ranks get the same bits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "distributed/collectives/allreduce_plan.h"
#include "distributed/communicator.h"
#include "distributed/planning/cost_model.h"

namespace keel {

/// What floats travel as. bf16 halves the bytes: sums are made in f32, and rounded to bf16 whenever they go out.
enum class Wire : std::uint8_t { f32, bf16 };

/// What a rank has sent, and the seconds that went by meanwhile.
struct Traffic {
    std::int64_t messages = 0, bytes = 0;
    double skew = 0;  ///< until the other ranks of the node were there
    double wire = 0;  ///< until messages came or were out
    double sums = 0;  ///< adding

    Traffic& operator+=(const Traffic& other);
};

/// Who adds: the calling thread, or the compute team as well, where nothing else wants it meanwhile.
enum class Adders : std::uint8_t { caller, team };

class Allreduce {
public:
    /// The communicator must outlive this. Every rank makes one with equal options.
    explicit Allreduce(Communicator& communicator, std::int64_t segment_bytes = kSegmentBytes, Wire wire = Wire::f32);

    /// Sums over the ranks: data[i] = sum of their data[i]. Throws UsageError for the hierarchical algorithm, which
    /// wants shared memory.
    void sum(Algorithm algorithm, std::span<float> data) { sum_over(algorithm, everybody_, data); }
    void sum(Algorithm algorithm, std::span<double> data) { sum_over(algorithm, everybody_, data); }
    /// Sums over these ranks alone, of which this is one.
    void sum(Algorithm algorithm, const RankGroup& members, std::span<double> data) {
        sum_over(algorithm, members, data);
    }

    /// Sums elements `range` of each rank's part of memory that the ranks of a node share, by the hierarchical
    /// algorithm: each rank of a node sums its share over the windows, then over the ranks of its place in other nodes,
    /// in a ring. Throws UsageError unless nodes have equally many ranks.
    void sum_shared(SharedMemory& memory, const ElementRange& range);

    // Its three parts, in this order; with one node the first is all of it. The first and the last send no messages:
    // any thread may run them, one at a time, beside the thread that sends.
    void sum_in_node(SharedMemory& memory, const ElementRange& range, Adders adders);
    void sum_between_nodes(SharedMemory& memory, const ElementRange& range);
    void spread_in_node(SharedMemory& memory, const ElementRange& range, Adders adders);
    bool several_nodes() const { return peers_.size() > 1; }

    Traffic traffic() const;

private:
    template <class T>
    class Pass;
    struct Outgoing {
        ElementRange sent;
        Request request;
        std::vector<std::uint16_t> packed;  // where the wire is bf16
    };

    template <class T>
    void sum_over(Algorithm algorithm, const RankGroup& members, std::span<T> data);
    void sum_in_slots(SharedMemory& memory, const ElementRange& range);

    Communicator& communicator_;
    std::int64_t segment_bytes_;
    Wire wire_;
    RankGroup everybody_, peers_;  // ranks of the same place in each node
    std::vector<Outgoing> outgoing_;
    std::vector<std::vector<std::byte>> incoming_;  // by receive, round and round
    Traffic traffic_, node_traffic_;                // of messages; of shared memory
};

}  // namespace keel
