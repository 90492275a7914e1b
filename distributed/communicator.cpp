#include "distributed/communicator.h"

#include <algorithm>
#include <cstdint>

#include "kernels/error.h"

namespace keel {
namespace {

class SelfCommunicator final : public Communicator {
public:
    int rank() const override { return 0; }
    int size() const override { return 1; }
    const Topology& topology() const override { return topology_; }
    Request send(int, int, const void*, std::size_t) override { return refuse(); }
    Request receive(int, int, void*, std::size_t) override { return refuse(); }
    bool done(Message&) override { return true; }
    void wait(Message&) override {}

    std::unique_ptr<SharedMemory> share(std::size_t bytes) override { return SharedMemory::of_one(bytes, false); }

private:
    static Request refuse() { throw UsageError("[communicator] a world of one rank has nobody to talk to"); }

    Topology topology_{{0}};
};

/// How many ranks each node has where those of a node follow one another, as launchers fill nodes; 0 where not.
int regular_ranks(const std::vector<int>& node_of) {
    const auto count = std::ranges::find_if(node_of, [](int node) { return node != 0; }) - node_of.begin();
    if (count == 0 || std::ssize(node_of) % count != 0) return 0;
    for (std::int64_t r = 0; r < std::ssize(node_of); ++r)
        if (node_of[static_cast<std::size_t>(r)] != r / count) return 0;
    return static_cast<int>(count);
}

}  // namespace

int Topology::nodes() const { return node_of.empty() ? 0 : 1 + *std::ranges::max_element(node_of); }

std::vector<int> Topology::members(int node) const {
    std::vector<int> ranks;
    for (std::size_t r = 0; r < node_of.size(); ++r)
        if (node_of[r] == node) ranks.push_back(static_cast<int>(r));
    return ranks;
}

int Topology::per_node() const {
    if (const int regular = regular_ranks(node_of); regular > 0) return regular;
    std::vector<int> counts(static_cast<std::size_t>(nodes()));
    for (const int node : node_of) ++counts[static_cast<std::size_t>(node)];
    if (counts.empty() || std::ranges::any_of(counts, [&](int count) { return count != counts[0]; })) return 0;
    return counts[0];
}

RankGroup Topology::peers(int rank) const {
    const auto size = static_cast<int>(node_of.size());
    if (const int regular = regular_ranks(node_of); regular > 0)
        return RankGroup::every(rank % regular, size / regular, regular);
    if (per_node() == 0) return {};
    // How many ranks of each node were there so far: the next one's place.
    std::vector<int> places(static_cast<std::size_t>(nodes())), ranks(places.size());
    const auto all = node_of.begin();
    const auto place = std::count(all, all + rank, node_of[static_cast<std::size_t>(rank)]);
    for (std::size_t r = 0; r < node_of.size(); ++r)
        if (const auto node = static_cast<std::size_t>(node_of[r]); places[node]++ == place)
            ranks[node] = static_cast<int>(r);
    return RankGroup(std::move(ranks));
}

std::unique_ptr<Communicator> self_communicator() { return std::make_unique<SelfCommunicator>(); }

}  // namespace keel
