#include "kernels/replicas.h"

#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <vector>

#include "kernels/fork.h"
#include "kernels/immortal.h"
#include "kernels/node_memory.h"
#include "kernels/scratch.h"
#include "kernels/topology.h"

namespace keel::kernels {
namespace {

using replicas::kLaneBytes;

constexpr std::size_t kMostLanes = 16;  // threads of further nodes read the first copy
constexpr std::size_t kCpus = 8192;     // as do those of processors with larger numbers
constexpr std::size_t kPageBytes = 4096, kHugePageBytes = std::size_t{2} << 20, kCommit = 8 * kHugePageBytes;

constinit std::array<std::atomic<std::uint8_t>, kCpus> lane_of_cpu{};

constexpr std::size_t whole(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

/// Places in a lane are the same in all of them.
struct Lanes {
    std::byte* first = nullptr;
    std::vector<int> nodes;                   ///< of each lane
    std::map<std::size_t, std::size_t> used;  ///< bytes of each constant, by place
    std::size_t memory = 0;                   ///< bytes of each lane that are memory

    std::byte* lane(std::size_t index) const { return first + index * kLaneBytes; }
    std::size_t end() const { return used.empty() ? 0 : used.rbegin()->first + used.rbegin()->second; }

    /// Returns the first place with room.
    std::size_t place_for(std::size_t bytes) const {
        std::size_t place = 0;
        for (const auto& [begin, size] : used) {
            if (begin - place >= bytes) break;
            place = begin + size;
        }
        return place;
    }

    bool has_addresses() {
        if (first != nullptr) return true;
        constexpr std::size_t kAll = kMostLanes * kLaneBytes + kHugePageBytes;
        void* raw = ::mmap(nullptr, kAll, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (raw == MAP_FAILED) return false;
        const auto address = reinterpret_cast<std::uintptr_t>(raw);
        first = static_cast<std::byte*>(raw) + (whole(address, kHugePageBytes) - address);
        return true;
    }

    /// Makes [from, to) of a lane memory.
    bool commit(std::size_t index, std::size_t from, std::size_t to) const {
        if (from >= to) return true;
        std::byte* begin = lane(index) + from;
        if (::mprotect(begin, to - from, PROT_READ | PROT_WRITE) != 0) return false;
        ::madvise(begin, to - from, MADV_HUGEPAGE);
        return true;
    }

    bool has_memory(std::size_t bytes) {
        const std::size_t wanted = std::max(memory, whole(bytes, kCommit));
        if (wanted > kLaneBytes) return false;
        for (std::size_t i = 0; i < nodes.size(); ++i)
            if (!commit(i, memory, wanted)) return false;
        memory = wanted;
        return true;
    }

    /// A lane for each of the nodes; a new one gets what the others hold before anybody reads it.
    bool has_lanes(const std::vector<int>& wanted) {
        for (const int node : wanted) {
            if (std::ranges::count(nodes, node) != 0 || nodes.size() == kMostLanes) continue;
            const std::size_t index = nodes.size();
            if (!commit(index, 0, memory)) return false;
            if (!used.empty())
                run_on_node(node, [&] {
                    for (const auto& [place, bytes] : used) std::memcpy(lane(index) + place, first + place, bytes);
                });
            nodes.push_back(node);
        }
        for (const Cpu& cpu : process_cpus()) {
            const auto found = std::ranges::find(nodes, cpu.memory_node());
            const auto index = found == nodes.end() ? 0 : std::distance(nodes.begin(), found);
            if (const auto id = static_cast<std::size_t>(cpu.id); id < kCpus)
                lane_of_cpu[id].store(static_cast<std::uint8_t>(index), std::memory_order_release);
        }
        return true;
    }
};

constinit Immortal<Lanes> all_lanes;
constinit ForkMutex lanes_mutex;

}  // namespace

std::size_t replicas::distance() {
    const int cpu = ::sched_getcpu();
    if (cpu < 0 || static_cast<std::size_t>(cpu) >= kCpus) return 0;
    return lane_of_cpu[static_cast<std::size_t>(cpu)].load(std::memory_order_acquire) * kLaneBytes;
}

std::byte* make_copies(const std::byte* from, std::size_t bytes) {
    const std::vector<int> nodes = team_nodes();
    if (nodes.size() < 2 || bytes == 0 || bytes > kLaneBytes) return nullptr;
    Lanes& lanes = all_lanes.get();
    const std::lock_guard lock(lanes_mutex);
    const std::size_t place = lanes.place_for(section(bytes));
    if (!lanes.has_addresses() || !lanes.has_memory(place + section(bytes)) || !lanes.has_lanes(nodes)) return nullptr;
    for (std::size_t i = 0; i < lanes.nodes.size(); ++i)
        run_on_node(lanes.nodes[i], [&] { std::memcpy(lanes.lane(i) + place, from, bytes); });
    lanes.used.emplace(place, section(bytes));
    replicas::first_lane.store(reinterpret_cast<std::uintptr_t>(lanes.first), std::memory_order_release);
    return lanes.first + place;
}

void renew_copies(const std::byte* first, std::size_t bytes) {
    Lanes& lanes = all_lanes.get();
    const std::lock_guard lock(lanes_mutex);
    if (lanes.first == nullptr || first < lanes.first || first >= lanes.lane(1)) return;
    for (std::size_t i = 1; i < lanes.nodes.size(); ++i)
        std::memcpy(lanes.lane(i) + (first - lanes.first), first, bytes);
}

void drop_copies(std::byte* first, std::size_t bytes) {
    Lanes& lanes = all_lanes.get();
    const std::lock_guard lock(lanes_mutex);
    const auto place = static_cast<std::size_t>(first - lanes.first);
    lanes.used.erase(place);
    const std::size_t begin = whole(place, kPageBytes), end = (place + bytes) / kPageBytes * kPageBytes;
    for (std::size_t i = 0; i < lanes.nodes.size() && begin < end; ++i)
        ::madvise(lanes.lane(i) + begin, end - begin, MADV_DONTNEED);
}

std::span<std::byte> copies_on(int node) {
    Lanes& lanes = all_lanes.get();
    const std::lock_guard lock(lanes_mutex);
    const auto found = std::ranges::find(lanes.nodes, node);
    if (found == lanes.nodes.end()) return {};
    return {lanes.lane(static_cast<std::size_t>(found - lanes.nodes.begin())), lanes.end()};
}

}  // namespace keel::kernels
