#include "kernels/node_memory.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <system_error>
#include <thread>

#include "kernels/parallel.h"
#include "kernels/signals_blocked.h"
#include "kernels/team.h"
#include "kernels/topology.h"

namespace keel {
namespace {

constexpr int kInterleave = 3;  // MPOL_INTERLEAVE of linux/mempolicy.h
constexpr std::size_t kNodesOfWord = sizeof(unsigned long) * CHAR_BIT;

}  // namespace

std::vector<int> team_nodes() {
    if (!has_several_nodes()) return {0};
    const int threads = thread_count();
    std::vector<std::vector<int>> masks = openmp_places(threads);
    if (masks.empty()) masks = detail::Team::global().masks();
    std::vector<int> nodes;
    for (const int node : thread_nodes(process_cpus(), masks, threads))
        if (std::ranges::count(nodes, node) == 0) nodes.push_back(node);
    return nodes;
}

void run_on_node(int node, const std::function<void()>& body) {
    std::vector<int> ids;
    for (const Cpu& cpu : process_cpus())
        if (cpu.memory_node() == node) ids.push_back(cpu.id);
    std::thread thread;
    try {
        const SignalsBlocked blocked;
        thread = std::thread([&] {
            bind_thread(ids);
            body();
        });
    } catch (const std::system_error&) {
        return body();
    }
    thread.join();
}

std::vector<unsigned long> node_bits(const std::vector<int>& nodes) {
    std::vector<unsigned long> bits;
    for (const int node : nodes) {
        const auto at = static_cast<std::size_t>(node);
        bits.resize(std::max(bits.size(), at / kNodesOfWord + 1));
        bits[at / kNodesOfWord] |= 1UL << at % kNodesOfWord;
    }
    return bits;
}

bool interleave_pages(void* begin, std::size_t bytes, const std::vector<int>& nodes) {
    const std::vector<unsigned long> bits = node_bits(nodes);
    // The system reads one bit less than it is told.
    return ::syscall(SYS_mbind, begin, bytes, kInterleave, bits.data(), bits.size() * kNodesOfWord + 1, 0) == 0;
}

}  // namespace keel
