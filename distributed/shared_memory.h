// Memory that the ranks of a node share, and where they wait for one another.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace keel {

/// One block a rank: a gate, then the rank's part. One thread of each rank uses it at a time.
class SharedMemory {
public:
    /// `blocks` by rank of the node, of block_bytes(bytes) each and aligned to a line of the caches, every one prepared
    /// by its rank before any rank waits; `owner` keeps them.
    SharedMemory(int rank, std::vector<std::byte*> blocks, std::size_t bytes, std::shared_ptr<void> owner);

    static std::size_t block_bytes(std::size_t bytes) { return kGateBytes + bytes; }
    static void prepare(std::byte* block);

    int rank() const { return rank_; }  ///< among those of the node
    int size() const { return static_cast<int>(blocks_.size()); }
    std::size_t bytes() const { return bytes_; }  ///< of a part
    template <class T>
    T* part(int rank) const {
        return reinterpret_cast<T*>(blocks_[static_cast<std::size_t>(rank)] + kGateBytes);
    }

    /// Returns once all ranks of the node have called it as often; what they wrote before is seen then. Waits awake for
    /// a moment, then sleeps, so that ranks may outnumber cores.
    void barrier();

private:
    /// How often its rank has come to the barrier, and how many wait for it asleep.
    struct Gate {
        std::atomic<std::uint32_t> arrivals{0}, sleepers{0};
    };
    static constexpr std::size_t kGateBytes = 128;  // a line of its own, and the one that prefetchers take along

    Gate& gate(int rank) const { return *reinterpret_cast<Gate*>(blocks_[static_cast<std::size_t>(rank)]); }
    static void wait_for(Gate& gate, std::uint32_t arrivals);

    int rank_;
    std::vector<std::byte*> blocks_;
    std::size_t bytes_;
    std::shared_ptr<void> owner_;
    std::uint32_t arrivals_ = 0;
};

}  // namespace keel
