// Made-up machines of several memory nodes.
#pragma once

#include <thread>
#include <vector>

#include "kernels/parallel.h"
#include "kernels/team.h"
#include "kernels/topology.h"

namespace keel::test {

/// `nodes` nodes with `cores` cores each.
inline std::vector<Cpu> nodes_of_cores(int nodes, int cores) {
    std::vector<Cpu> cpus;
    for (int id = 0; id < nodes * cores; ++id) cpus.push_back({.id = id, .core = id, .node = id / cores});
    return cpus;
}

/// Two of the processors that there are, each a memory node of its own, and a team of two threads on them.
class TwoNodes {
public:
    /// Whether the process has processors for it, which nothing else binds threads to.
    static bool possible() { return process_cpus().size() > 1 && openmp_places(1).empty(); }

    TwoNodes() { bind_team(); }
    ~TwoNodes() {
        detail::Team::global().place({});
        bind_thread(all_);
    }
    TwoNodes(const TwoNodes&) = delete;
    TwoNodes& operator=(const TwoNodes&) = delete;

    /// Calls body() on a thread that computes alone, on the processor of a node.
    template <class Body>
    void alone_on(int node, const Body& body) const {
        const ThreadScope one(1);
        std::thread([&] {
            bind_thread({all_[static_cast<std::size_t>(node)]});
            body();
        }).join();
    }

private:
    static std::vector<int> ids() {
        std::vector<int> ids;
        for (const Cpu& cpu : process_cpus()) ids.push_back(cpu.id);
        return ids;
    }

    std::vector<int> all_ = ids();
    CpuScope cpus_{{{.id = all_[0], .core = all_[0], .node = 0}, {.id = all_[1], .core = all_[1], .node = 1}}};
    ThreadScope threads_{2};
};

}  // namespace keel::test
