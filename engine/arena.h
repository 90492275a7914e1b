// Where tensor storage comes from: one range of addresses on huge pages that grows at its end, 64-byte aligned blocks,
// freed blocks reused. A training step allocates the same sizes in the same order every time, so after the first ones
// it grows no more. Where the team sits on several memory nodes, pages lie on these in turn: a block holds maps and
// weights that all threads read, and then others, divided otherwise.
#pragma once

#include <cstddef>
#include <map>
#include <new>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kernels/fork.h"

namespace keel {

/// A block that Arena::set_limit() does not leave room for. It says how much was wanted and how much there is.
class ArenaLimitError : public std::bad_alloc {
public:
    ArenaLimitError(std::size_t wanted, std::size_t in_use, std::size_t limit);
    const char* what() const noexcept override { return message_.c_str(); }

private:
    std::string message_;
};

struct ArenaStatistics {
    std::size_t in_use;    ///< bytes handed out now
    std::size_t peak;      ///< the most ever handed out since the last reset_peak()
    std::size_t reserved;  ///< bytes taken from the operating system, but for what trim() gave back among blocks
};

/// A block that was handed out, or given back.
struct ArenaEvent {
    const std::byte* block = nullptr;
    std::size_t bytes = 0;
    bool taken = false;
};

class Arena {
public:
    static constexpr std::size_t kAlignment = 64;

    /// The process's arena. It is never destroyed, so that tensors with static lifetime can be freed in any order.
    static Arena& global();

    Arena() = default;
    /// Gives its memory back, whoever still has blocks of it.
    ~Arena();
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    /// At least `bytes` bytes, aligned to 64; contents undefined. Throws std::bad_alloc where the system refuses, and
    /// ArenaLimitError where the limit does.
    std::byte* allocate(std::size_t bytes);
    /// Gives back a block of `allocate(bytes)`.
    void release(std::byte* block, std::size_t bytes);

    ArenaStatistics statistics() const;
    void reset_peak();
    /// Gives free memory back to the operating system: all that lies behind the last block, and what fills pages
    /// between blocks. Blocks stay where they are; what is handed out next is paid for anew.
    void trim();
    /// No more than `bytes` are handed out at a time; 0: as many as the system gives. What is over it stays.
    void set_limit(std::size_t bytes);
    /// Adds what is handed out and given back to `log`, from now on until another is given; null: to none.
    void record(std::vector<ArenaEvent>* log);

private:
    void trim_end();
    /// So that a free block of `bytes` is at the end.
    void grow(std::size_t bytes);
    /// The free block at the end: its size.
    std::size_t free_at_end() const;
    void insert_free(std::byte* begin, std::size_t bytes);
    void erase_free(std::map<std::byte*, std::size_t>::iterator block);

    mutable ForkMutex mutex_;
    std::map<std::byte*, std::size_t> free_by_address_;
    std::set<std::pair<std::size_t, std::byte*>> free_by_size_;  // best fit: the smallest that is large enough
    void* mapped_ = nullptr;      ///< the range as it was mapped, of `range_` bytes and what lies before begin_
    std::byte* begin_ = nullptr;  ///< of the range
    std::size_t range_ = 0;       ///< bytes of addresses, of which the first statistics_.reserved are memory
    std::size_t limit_ = 0;
    std::vector<ArenaEvent>* log_ = nullptr;
    ArenaStatistics statistics_{};
};

}  // namespace keel
