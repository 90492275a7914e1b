// Where the activations of a graph lie: blocks that are alive at different times share memory.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graph/graph.h"

namespace keel {

/// A block of `size` bytes (or of anything else) that is alive from step `first` to step `last`, both included.
struct MemoryUse {
    int first, last;
    std::int64_t size;
};

struct MemoryPlan {
    std::vector<std::int64_t> offsets;  ///< of each block
    std::int64_t size = 0;              ///< of all together
};

/// Returns offsets at which no two blocks that are alive at once overlap: the largest block first, each into the
/// smallest gap that holds it ("greedy by size", Pisarchyk & Lee, arXiv:2001.03288). Offsets and the size are multiples
/// of `alignment`.
MemoryPlan plan_memory(std::span<const MemoryUse> uses, std::int64_t alignment);

/// Returns the largest sum of sizes alive at once: no plan is smaller.
std::int64_t peak_of(std::span<const MemoryUse> uses);

/// Returns the use of each buffer of a graph, in bytes of one image, with nodes as steps. The graph's src and dst are
/// the caller's: size 0.
std::vector<MemoryUse> memory_uses(const graph::Graph& graph);

}  // namespace keel
