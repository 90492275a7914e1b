#include "distributed/communicator.h"

#include <algorithm>
#include <new>

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

    std::unique_ptr<SharedMemory> share(std::size_t bytes) override {
        constexpr std::align_val_t kPage{4096};
        const std::shared_ptr<std::byte> block(
            static_cast<std::byte*>(::operator new(SharedMemory::block_bytes(bytes), kPage)),
            [](std::byte* p) { ::operator delete(p, kPage); });
        SharedMemory::prepare(block.get());
        return std::make_unique<SharedMemory>(0, std::vector{block.get()}, bytes, block);
    }

private:
    static Request refuse() { throw UsageError("[communicator] a world of one rank has nobody to talk to"); }

    Topology topology_{{0}};
};

}  // namespace

int Topology::nodes() const { return node_of.empty() ? 0 : 1 + *std::ranges::max_element(node_of); }

std::vector<int> Topology::members(int node) const {
    std::vector<int> ranks;
    for (std::size_t r = 0; r < node_of.size(); ++r)
        if (node_of[r] == node) ranks.push_back(static_cast<int>(r));
    return ranks;
}

int Topology::per_node() const {
    const std::size_t first = members(0).size();
    for (int node = 1; node < nodes(); ++node)
        if (members(node).size() != first) return 0;
    return static_cast<int>(first);
}

std::unique_ptr<Communicator> self_communicator() { return std::make_unique<SelfCommunicator>(); }

}  // namespace keel
