// Who beats to whom: all to rank 0 in a small run, a tree in a large one, where no rank keeps more connections than a
// few dozen. Pure functions.
#pragma once

#include <vector>

namespace keel {

/// Above so many ranks the ranks form a tree, of which each has so many below it.
constexpr int kStarRanks = 64, kTreeArity = 32;

/// Returns how many ranks talk to each at most in a run of `size`.
constexpr int heartbeat_arity(int size) { return size <= kStarRanks ? kStarRanks : kTreeArity; }

/// Returns the rank that `rank` talks to, -1 for rank 0. It is always a lower one.
constexpr int heartbeat_parent(int rank, int arity) { return rank == 0 ? -1 : (rank - 1) / arity; }

/// Returns the ranks that talk to `rank`.
std::vector<int> heartbeat_children(int rank, int size, int arity);

/// Returns the one of the children of `ancestor` by which `rank` is reached; -1: it is not below it.
int heartbeat_branch(int rank, int ancestor, int arity);

}  // namespace keel
