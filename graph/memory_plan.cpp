#include "graph/memory_plan.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <string_view>

namespace keel {
namespace {

/// A stretch of the memory that a block of the same time takes.
struct Taken {
    std::int64_t begin, end;
};

/// Returns the offset of the smallest gap between the taken stretches that holds `size`; that of their end if there is
/// none.
std::int64_t best_gap(std::vector<Taken> taken, std::int64_t size) {
    std::ranges::sort(taken, {}, &Taken::begin);
    std::int64_t end = 0, best = -1, smallest = std::numeric_limits<std::int64_t>::max();
    for (const Taken& stretch : taken) {
        const std::int64_t gap = stretch.begin - end;
        if (gap >= size && gap < smallest) {
            best = end;
            smallest = gap;
        }
        end = std::max(end, stretch.end);
    }
    return best < 0 ? end : best;
}

}  // namespace

MemoryPlan plan_memory(std::span<const MemoryUse> uses, std::int64_t alignment) {
    const auto rounded = [&](std::int64_t size) { return (size + alignment - 1) / alignment * alignment; };
    std::vector<std::size_t> order(uses.size()), placed;
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, std::greater(), [&](std::size_t i) { return uses[i].size; });
    MemoryPlan plan{std::vector<std::int64_t>(uses.size()), 0};
    for (const std::size_t i : order) {
        std::vector<Taken> taken;
        for (const std::size_t other : placed)
            if (uses[other].first <= uses[i].last && uses[i].first <= uses[other].last)
                taken.push_back({plan.offsets[other], plan.offsets[other] + rounded(uses[other].size)});
        plan.offsets[i] = best_gap(std::move(taken), rounded(uses[i].size));
        plan.size = std::max(plan.size, plan.offsets[i] + rounded(uses[i].size));
        placed.push_back(i);
    }
    return plan;
}

std::int64_t peak_of(std::span<const MemoryUse> uses) {
    std::int64_t peak = 0;
    for (const MemoryUse& at : uses) {  // some block begins where the sum is largest
        std::int64_t sum = 0;
        for (const MemoryUse& use : uses)
            if (use.first <= at.first && at.first <= use.last) sum += use.size;
        peak = std::max(peak, sum);
    }
    return peak;
}

std::vector<MemoryUse> memory_uses(const graph::Graph& graph) {
    std::vector<MemoryUse> uses;
    for (const graph::Buffer& buffer : graph.buffers)
        uses.push_back({std::numeric_limits<int>::max(), -1, buffer.bytes()});
    int step = 0;
    const auto touch = [&](const graph::Value& value) {
        MemoryUse& use = uses[static_cast<std::size_t>(value.buffer)];
        use.first = std::min(use.first, step);
        use.last = step;
    };
    for (const graph::Node& node : graph.nodes) {
        for_each_read(node, [&](const graph::Value& value, std::string_view) { touch(value); });
        touch(node.dst);
        ++step;
    }
    for (const graph::Value& outside : {graph.src, graph.dst}) uses[static_cast<std::size_t>(outside.buffer)].size = 0;
    return uses;
}

}  // namespace keel
