#include "train/memory_need.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "kernels/error.h"

namespace keel {
namespace {

std::string available_text(const MachineMemory& machine) {
    return fmt::format("{} that are free ({} in all{})", memory_text(machine.available), memory_text(machine.total),
                       machine.of_group ? ", by the control group's limit" : "");
}

}  // namespace

NodeMemory node_memory(World& world, const MemoryNeed& need) {
    const MachineMemory machine = read_machine_memory();
    const std::vector<MemoryNeed> needs = world.gather(need);
    const std::vector<MachineMemory> machines = world.gather(machine);
    const Topology& topology = world.topology();
    NodeMemory tightest;
    for (int node = 0; node < topology.nodes(); ++node) {
        const std::vector<int> ranks = topology.members(node);
        NodeMemory here{.processes = static_cast<int>(ranks.size()),
                        .machine = machines[static_cast<std::size_t>(ranks.front())]};
        for (const int rank : ranks) {
            const MemoryNeed& own = needs[static_cast<std::size_t>(rank)];
            here.need += own.total;
            here.more += std::max<std::int64_t>(0, own.total - own.now);
            if (own.total >= here.process.total) here.process = own;
            // Ranks look one after the other, while the others' memory grows.
            const MachineMemory& seen = machines[static_cast<std::size_t>(rank)];
            if (seen.available < here.machine.available) here.machine = seen;
        }
        if (node == 0 || here.machine.available - here.more < tightest.machine.available - tightest.more)
            tightest = here;
    }
    return tightest;
}

std::string memory_need_text(const NodeMemory& node) {
    const MemoryNeed& one = node.process;
    if (one.total == 0) return "memory: not known beforehand while --tuning measures convolutions";
    const std::string processes = node.processes == 1 ? "" : fmt::format(" by {} ranks of a node", node.processes);
    const std::string of = node.machine.known() ? fmt::format(", {} more than now, of {}", memory_text(node.more),
                                                              available_text(node.machine))
                                                : "";
    return fmt::format("memory: {} are needed{}{}; {} are tensors, {} for each image of a step, {} images read ahead{}",
                       memory_text(node.need), processes, of, memory_text(one.tensors), memory_text(one.an_image),
                       memory_text(one.batches), one.exact ? "" : " (drawn from two small steps that differ)");
}

void limit_memory(NodeMemory& node, std::int64_t bytes) {
    if (bytes == 0) return;
    const std::int64_t left = std::max<std::int64_t>(0, bytes - (node.need - node.more));
    if (node.machine.known() && node.machine.available <= left) return;
    node.machine.total = node.machine.known() ? node.machine.total : bytes;
    node.machine.available = left;
}

void require_memory(const NodeMemory& node, std::int64_t batch, bool force) {
    if (force || node.fits()) return;
    const std::int64_t over = node.more - node.machine.available;
    const std::int64_t an_image = std::max<std::int64_t>(1, node.process.an_image * node.processes);
    const std::int64_t fits = batch - (over + an_image - 1) / an_image;
    throw UsageError(fmt::format(
        "[memory] the run needs {} more, {} are free{}: {}; --force-memory tries it all the same",
        memory_text(node.more), memory_text(node.machine.available),
        node.machine.of_group ? " by the control group's limit" : "",
        fits >= 1 ? fmt::format("--batch-size {} would fit, or a smaller --image-size, or --ghost-batch", fits)
                  : "a smaller --image-size or model would, or --precision bf16"));
}

}  // namespace keel
