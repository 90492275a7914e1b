// Where tensor storage comes from: large mapped segments on huge pages, 64-byte aligned blocks, freed blocks reused.
// A training step allocates the same sizes in the same order every time, so after the first one nothing is mapped any more.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace keel {

struct ArenaStatistics {
    std::size_t in_use;    ///< bytes handed out now
    std::size_t peak;      ///< the most ever handed out since the last reset_peak()
    std::size_t reserved;  ///< bytes mapped from the operating system
};

class Arena {
public:
    static constexpr std::size_t kAlignment = 64;

    /// The process's arena. It is never destroyed, so that tensors with static lifetime can be freed in any order.
    static Arena& global();

    /// At least `bytes` bytes, aligned to 64; contents undefined. Throws std::bad_alloc where the system refuses.
    std::byte* allocate(std::size_t bytes);
    /// Gives back a block of `allocate(bytes)`.
    void release(std::byte* block, std::size_t bytes);

    ArenaStatistics statistics() const;
    void reset_peak();
    /// Unmaps the segments that hold no block.
    void trim();

private:
    using Block = std::pair<std::byte*, std::size_t>;

    void map_segment(std::size_t bytes);
    void insert_free(std::byte* begin, std::size_t bytes);
    void erase_free(std::map<std::byte*, std::size_t>::iterator block);

    mutable std::mutex mutex_;
    std::map<std::byte*, std::size_t> free_by_address_;
    std::set<std::pair<std::size_t, std::byte*>> free_by_size_;  // best fit: the smallest that is large enough
    std::map<std::byte*, std::size_t> segments_;
    ArenaStatistics statistics_{};
};

}  // namespace keel
