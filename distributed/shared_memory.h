// Memory that the ranks of a node share, and where they wait for one another.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace keel {

/// One block a rank: a gate, two slots for what is small, then the rank's part. One thread of each rank uses it at a
/// time.
class SharedMemory {
public:
    /// `blocks` by rank of the node, of block_bytes(bytes) each and aligned to a line of the caches, every one prepared
    /// by its rank before any rank waits; `owner` keeps them.
    SharedMemory(int rank, std::vector<std::byte*> blocks, std::size_t bytes, std::shared_ptr<void> owner);

    /// One block that its rank alone sees, in the place of those of all where the system has no room for them: apart()
    /// tells.
    static std::unique_ptr<SharedMemory> of_one(std::size_t bytes, bool apart);

    /// Whether the ranks of the node do not see one another's blocks, though there may be several of them. The same on
    /// all ranks of the world.
    bool apart() const { return apart_; }

    static std::size_t block_bytes(std::size_t bytes) { return kGateBytes + 2 * kSlotBytes + bytes; }
    static void prepare(std::byte* block);

    int rank() const { return rank_; }  ///< among those of the node
    int size() const { return static_cast<int>(blocks_.size()); }
    std::size_t bytes() const { return bytes_; }  ///< of a part
    template <class T>
    T* part(int rank) const {
        return reinterpret_cast<T*>(blocks_[static_cast<std::size_t>(rank)] + kGateBytes + 2 * kSlotBytes);
    }

    /// Returns once all ranks of the node have called it as often; what they wrote before is seen then. Waits awake for
    /// a moment, then sleeps, so that ranks may outnumber cores.
    void barrier();

    /// Bytes of a slot.
    static constexpr std::size_t kSlotBytes = 16384;
    /// Gives all ranks of the node the `bytes` (at most kSlotBytes) at `own`, at the cost of one wait: afterwards
    /// slot(r) holds those of rank r, until this rank's next call but one. All ranks call it with equal `bytes`.
    void exchange(const void* own, std::size_t bytes);
    template <class T>
    const T* slot(int rank) const {
        return reinterpret_cast<const T*>(slot_at(rank, turn_));
    }

private:
    /// How often its rank has come to the barrier, and how many wait for it asleep.
    struct Gate {
        std::atomic<std::uint32_t> arrivals{0}, sleepers{0};
    };
    static constexpr std::size_t kGateBytes = 128;  // a line of its own, and the one that prefetchers take along

    Gate& gate(int rank) const { return *reinterpret_cast<Gate*>(blocks_[static_cast<std::size_t>(rank)]); }
    std::byte* slot_at(int rank, std::uint32_t turn) const {
        return blocks_[static_cast<std::size_t>(rank)] + kGateBytes + turn % 2 * kSlotBytes;
    }
    static void wait_for(Gate& gate, std::uint32_t arrivals);

    int rank_;
    std::vector<std::byte*> blocks_;
    std::size_t bytes_;
    std::shared_ptr<void> owner_;
    std::uint32_t arrivals_ = 0, turn_ = 0;
    bool apart_ = false;
};

}  // namespace keel
