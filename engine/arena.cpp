#include "engine/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <iterator>
#include <mutex>
#include <new>

#include "kernels/immortal.h"
#include "kernels/node_memory.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) (static_cast<void>(address), static_cast<void>(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) (static_cast<void>(address), static_cast<void>(size))
#endif

namespace keel {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kStep = 8 * kHugePage;              // small enough to waste little, large enough to grow rarely
constexpr std::size_t kMostRange = std::size_t{1} << 40;  // addresses cost nothing

constexpr std::size_t round_up(std::size_t value, std::size_t unit) { return (value + unit - 1) / unit * unit; }

/// A block is rounded to cache lines and has one line behind it that nobody may touch: ASan keeps it poisoned.
constexpr std::size_t block_size(std::size_t bytes) {
    return round_up(std::max<std::size_t>(bytes, 1), Arena::kAlignment) + Arena::kAlignment;
}

/// Returns addresses without memory, or null.
void* map_range(std::size_t bytes) {
    void* raw = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return raw == MAP_FAILED ? nullptr : raw;
}

bool is_free(std::size_t bytes) {
    void* raw = map_range(bytes);
    if (raw != nullptr) munmap(raw, bytes);
    return raw != nullptr;
}

/// Returns how many addresses to take, `least` or more. Where they are limited (ulimit -v), five eighths of what is
/// left: weights, code and threads want some as well.
std::size_t range_for(std::size_t least) {
    std::size_t range = kMostRange;
    while (range > least && !is_free(range)) range /= 2;
    if (range == kMostRange || range <= least) return std::max(range, least);
    const std::size_t left = is_free(range / 2 * 3) ? range / 2 * 3 : range;
    return std::max(least, round_up(left / 8 * 5, kHugePage));
}

}  // namespace

ArenaLimitError::ArenaLimitError(std::size_t wanted, std::size_t in_use, std::size_t limit)
    : message_("[memory] wanted " + std::to_string(wanted) + " bytes for a tensor, " + std::to_string(in_use) +
               " are in use of a limit of " + std::to_string(limit)) {}

Arena& Arena::global() {
    static constinit Immortal<Arena> arena;
    return arena.get();
}

std::size_t Arena::free_at_end() const {
    if (free_by_address_.empty()) return 0;
    const auto& [block, bytes] = *free_by_address_.rbegin();
    return block + bytes == begin_ + statistics_.reserved ? bytes : 0;
}

void Arena::grow(std::size_t bytes) {
    const std::size_t missing = round_up(bytes - free_at_end(), kStep);
    if (begin_ == nullptr) {
        const std::size_t range = range_for(missing + kHugePage);
        if (void* raw = map_range(range); raw != nullptr) {
            const std::size_t address = reinterpret_cast<std::size_t>(raw), aligned = round_up(address, kHugePage);
            mapped_ = raw;
            begin_ = static_cast<std::byte*>(raw) + (aligned - address);
            range_ = range - (aligned - address);
        }
    }
    if (begin_ == nullptr || missing > range_ - statistics_.reserved) throw std::bad_alloc();
    std::byte* end = begin_ + statistics_.reserved;
    if (mprotect(end, missing, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
    madvise(end, missing, MADV_HUGEPAGE);  // a wish: without huge pages it is slower, not wrong
    if (const std::vector<int> nodes = team_nodes(); nodes.size() > 1) interleave_pages(end, missing, nodes);
    statistics_.reserved += missing;
    insert_free(end, missing);
}

void Arena::insert_free(std::byte* begin, std::size_t bytes) {
    ASAN_POISON_MEMORY_REGION(begin, bytes);
    const auto next = free_by_address_.lower_bound(begin);
    if (next != free_by_address_.end() && begin + bytes == next->first) {
        bytes += next->second;
        erase_free(next);
    }
    const auto after = free_by_address_.lower_bound(begin);
    if (after != free_by_address_.begin()) {
        const auto before = std::prev(after);
        if (before->first + before->second == begin) {
            begin = before->first;
            bytes += before->second;
            erase_free(before);
        }
    }
    free_by_address_.emplace(begin, bytes);
    free_by_size_.emplace(bytes, begin);
}

void Arena::erase_free(std::map<std::byte*, std::size_t>::iterator block) {
    free_by_size_.erase({block->second, block->first});
    free_by_address_.erase(block);
}

std::byte* Arena::allocate(std::size_t bytes) {
    if (bytes > (std::size_t{1} << 46)) throw std::bad_alloc();  // rounding up must not overflow
    const std::size_t size = block_size(bytes);
    const std::lock_guard lock(mutex_);
    if (limit_ != 0 && (size > limit_ || statistics_.in_use > limit_ - size))
        throw ArenaLimitError(bytes, statistics_.in_use, limit_);
    auto fit = free_by_size_.lower_bound({size, nullptr});
    if (fit == free_by_size_.end()) {
        grow(size);
        fit = free_by_size_.lower_bound({size, nullptr});
    }
    const auto [available, begin] = *fit;
    erase_free(free_by_address_.find(begin));
    if (available > size) insert_free(begin + size, available - size);
    statistics_.in_use += size;
    statistics_.peak = std::max(statistics_.peak, statistics_.in_use);
    ASAN_UNPOISON_MEMORY_REGION(begin, bytes);
    if (log_ != nullptr) log_->push_back({begin, bytes, true});
    return begin;
}

void Arena::release(std::byte* block, std::size_t bytes) {
    const std::size_t size = block_size(bytes);
    const std::lock_guard lock(mutex_);
    statistics_.in_use -= size;
    insert_free(block, size);
    if (log_ != nullptr) log_->push_back({block, bytes, false});
}

Arena::~Arena() {
    mutex_.retire();
    if (begin_ == nullptr) return;
    ASAN_UNPOISON_MEMORY_REGION(begin_, statistics_.reserved);  // for what is mapped there next
    munmap(mapped_, range_ + static_cast<std::size_t>(begin_ - static_cast<std::byte*>(mapped_)));
}

void Arena::record(std::vector<ArenaEvent>* log) {
    const std::lock_guard lock(mutex_);
    log_ = log;
}

ArenaStatistics Arena::statistics() const {
    const std::lock_guard lock(mutex_);
    return statistics_;
}

void Arena::reset_peak() {
    const std::lock_guard lock(mutex_);
    statistics_.peak = statistics_.in_use;
}

void Arena::set_limit(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    limit_ = bytes;
}

void Arena::trim() {
    const std::lock_guard lock(mutex_);
    trim_end();
    for (const auto& [block, size] : free_by_address_) {
        // Whole pages, of whichever size the system uses here: huge ones are split where their other half is in use.
        const std::size_t address = reinterpret_cast<std::size_t>(block), begin = round_up(address, kPage),
                          end = (address + size) / kPage * kPage;
        if (begin < end) madvise(block + (begin - address), end - begin, MADV_DONTNEED);
    }
}

void Arena::trim_end() {
    const std::size_t bytes = free_at_end() / kHugePage * kHugePage;
    if (bytes == 0) return;
    const auto last = std::prev(free_by_address_.end());
    const auto [block, size] = *last;
    std::byte* end = begin_ + statistics_.reserved - bytes;
    // Fresh addresses over the old ones: their memory is free then.
    if (mmap(end, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
        return;
    erase_free(last);
    if (size > bytes) insert_free(block, size - bytes);
    statistics_.reserved -= bytes;
}

}  // namespace keel
