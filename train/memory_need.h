// The memory that a run is going to need, beside what there is.
#pragma once

#include <cstdint>
#include <string>

#include "distributed/world.h"
#include "engine/machine_memory.h"

namespace keel {

/// Of one process of a run, bytes.
struct MemoryNeed {
    std::int64_t total = 0;     ///< at its largest, code and data set included
    std::int64_t now = 0;       ///< held already
    std::int64_t tensors = 0;   ///< of the total: weights, their optimizer, the maps of a step, gaps between them
    std::int64_t an_image = 0;  ///< of the maps, by each image of a step
    std::int64_t batches = 0;   ///< of the total: images read ahead
    bool exact = true;  ///< false: two small steps took other blocks, so that a line is drawn through their peaks
};

/// What the processes of a run on one node need together, at the node where least is left over.
struct NodeMemory {
    MemoryNeed process{};   ///< of the largest process there
    int processes = 1;      ///< there
    std::int64_t need = 0;  ///< of all of them
    std::int64_t more = 0;  ///< of that: not held yet
    MachineMemory machine{};

    bool fits() const { return !machine.known() || more <= machine.available; }
};

/// Gathers what each rank needs. All ranks call it together.
NodeMemory node_memory(World& world, const MemoryNeed& need);

/// "memory: 2.1 GB are needed, of 22.3 GB that are free (25.2 GB in all): ..."
std::string memory_need_text(const NodeMemory& node);

/// Makes what is free no more than `bytes` leave beside what the node's processes hold already; 0: as it is.
void limit_memory(NodeMemory& node, std::int64_t bytes);

/// Throws UsageError where a run does not fit, which says how large it may be; nothing with `force`.
void require_memory(const NodeMemory& node, std::int64_t batch, bool force);

}  // namespace keel
