// The order in which an epoch visits its samples, and what of it is each rank's.
#pragma once

#include <cstdint>
#include <vector>

namespace keel {

/// Returns a permutation of [0, n) that depends on (seed, epoch, n) alone. 0 <= n < 2^32.
std::vector<std::int64_t> permutation(std::uint64_t seed, std::uint64_t epoch, std::int64_t n);

/// Returns n draws from groups of samples, none of them empty, that depend on (seed, epoch, n, groups) alone. Of as
/// many draws in a row as there are groups each shows one group, in random order; a group's members come in random
/// order, all of them before any comes again. So an epoch shows every group equally often, to within one draw
/// (class-aware sampling: Shen, Lin and Huang, "Relay backpropagation for effective learning of deep convolutional
/// neural networks", ECCV 2016, section 3.4). 0 <= n < 2^32; no groups: n is 0.
std::vector<std::int64_t> balanced_draws(std::uint64_t seed, std::uint64_t epoch, std::int64_t n,
                                         const std::vector<std::vector<std::int64_t>>& groups);

/// Returns how often each of the draws was drawn before, in the same order.
std::vector<std::uint32_t> repeats_of(const std::vector<std::int64_t>& draws);

/// Which of the ranks that train on one data set together, or score it, this is.
struct ShardOptions {
    int rank = 0, ranks = 1;
    /// Every rank draws its own permutation of all samples and takes the first n / ranks; else each takes its part of
    /// one.
    bool independent = false;
    /// Equal parts into which a step's samples are cut, of which each rank has parts / ranks; 0: one a rank. So the
    /// parts are the same on any number of ranks that divides them.
    int parts = 0;
};

/// One rank's batches of an epoch.
struct Shard {
    struct Batch {
        std::int64_t begin, size;  ///< in positions; may be empty where others have samples left
        std::int64_t planned;      ///< samples of all ranks in this step
        std::int64_t next_sample;  ///< samples of all ranks up to here
    };
    std::vector<std::int64_t> positions;  ///< in the order of the epoch, of this rank's samples
    std::vector<std::int32_t> parts;      ///< of the step, that these samples belong to
    std::vector<Batch> batches;
};

/// Plans an epoch of n: step k takes the next `batch` positions for each rank, from `start` (a next_sample) on, the
/// last step what is left, in equal parts. Every rank has as many batches. A pure function. With `independent`
/// positions are those of the rank's own permutation, of which it takes n / ranks.
Shard plan_shard(const ShardOptions& options, std::int64_t n, std::int64_t batch, std::int64_t start);

/// Consecutive samples, for scoring.
struct Slice {
    std::int64_t begin, end;
};
/// Returns part `rank` of n samples in order, of sizes that differ by at most one.
Slice slice_of(std::int64_t n, int rank, int ranks);

}  // namespace keel
