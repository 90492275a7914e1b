#include "engine/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <iterator>
#include <new>

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

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kSegment = std::size_t{64} << 20;  // small enough to waste little, large enough to map rarely

constexpr std::size_t round_up(std::size_t value, std::size_t unit) { return (value + unit - 1) / unit * unit; }

/// A block is rounded to cache lines and has one line behind it that nobody may touch: ASan keeps it poisoned.
constexpr std::size_t block_size(std::size_t bytes) {
    return round_up(std::max<std::size_t>(bytes, 1), Arena::kAlignment) + Arena::kAlignment;
}

}  // namespace

Arena& Arena::global() {
    static auto* arena = new Arena;
    return *arena;
}

void Arena::map_segment(std::size_t bytes) {
    const std::size_t size = round_up(std::max(bytes, kSegment), kHugePage);
    // One huge page more than needed, so that the segment can begin on a huge page's boundary.
    void* raw = mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED) throw std::bad_alloc();
    auto* begin = static_cast<std::byte*>(raw);
    const std::size_t head = round_up(reinterpret_cast<std::size_t>(begin), kHugePage) - reinterpret_cast<std::size_t>(begin);
    if (head > 0) munmap(begin, head);
    if (head < kHugePage) munmap(begin + head + size, kHugePage - head);
    begin += head;
    madvise(begin, size, MADV_HUGEPAGE);  // a wish: without huge pages it is slower, not wrong
    segments_.emplace(begin, size);
    statistics_.reserved += size;
    insert_free(begin, size);
}

void Arena::insert_free(std::byte* begin, std::size_t bytes) {
    ASAN_POISON_MEMORY_REGION(begin, bytes);
    const auto next = free_by_address_.lower_bound(begin);
    // Neighbours join, but never across the boundary of a segment: trim() unmaps whole segments.
    if (next != free_by_address_.end() && begin + bytes == next->first && !segments_.contains(next->first)) {
        bytes += next->second;
        erase_free(next);
    }
    const auto after = free_by_address_.lower_bound(begin);
    if (after != free_by_address_.begin() && !segments_.contains(begin)) {
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
    auto fit = free_by_size_.lower_bound({size, nullptr});
    if (fit == free_by_size_.end()) {
        map_segment(size);
        fit = free_by_size_.lower_bound({size, nullptr});
    }
    const auto [available, begin] = *fit;
    erase_free(free_by_address_.find(begin));
    if (available > size) insert_free(begin + size, available - size);
    statistics_.in_use += size;
    statistics_.peak = std::max(statistics_.peak, statistics_.in_use);
    ASAN_UNPOISON_MEMORY_REGION(begin, bytes);
    return begin;
}

void Arena::release(std::byte* block, std::size_t bytes) {
    const std::size_t size = block_size(bytes);
    const std::lock_guard lock(mutex_);
    statistics_.in_use -= size;
    insert_free(block, size);
}

ArenaStatistics Arena::statistics() const {
    const std::lock_guard lock(mutex_);
    return statistics_;
}

void Arena::reset_peak() {
    const std::lock_guard lock(mutex_);
    statistics_.peak = statistics_.in_use;
}

void Arena::trim() {
    const std::lock_guard lock(mutex_);
    for (auto segment = segments_.begin(); segment != segments_.end();) {
        const auto block = free_by_address_.find(segment->first);
        if (block == free_by_address_.end() || block->second != segment->second) {
            ++segment;
            continue;
        }
        erase_free(block);
        ASAN_UNPOISON_MEMORY_REGION(segment->first, segment->second);
        munmap(segment->first, segment->second);
        statistics_.reserved -= segment->second;
        segment = segments_.erase(segment);
    }
}

}  // namespace keel
