#include "distributed/shared_memory.h"

#include <immintrin.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <cstring>
#include <new>
#include <string>

#include "kernels/error.h"

namespace keel {
namespace {

/// About ten microseconds: what a rank on another core that arrives at the same time needs, and less than a turn asleep
/// costs.
constexpr int kSpins = 200;
/// Where ranks outnumber cores the one that is awaited may want this core: to hand it over costs less than to sleep
/// and be woken.
constexpr int kYields = 20;

constexpr std::size_t kLine = 64;  // bytes of the caches

/// std::atomic::wait sees waiters of its own process alone.
void futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value) {
    ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), operation, value, nullptr, nullptr, 0);
}

bool reached(const std::atomic<std::uint32_t>& count, std::uint32_t wanted) {
    return static_cast<std::int32_t>(count.load() - wanted) >= 0;  // counts may wrap
}

}  // namespace

SharedMemory::SharedMemory(int rank, std::vector<std::byte*> blocks, std::size_t bytes, std::shared_ptr<void> owner)
    : rank_(rank), blocks_(std::move(blocks)), bytes_(bytes), owner_(std::move(owner)) {}

std::unique_ptr<SharedMemory> SharedMemory::of_one(std::size_t bytes, bool apart) {
    constexpr std::align_val_t kPage{4096};
    const std::shared_ptr<std::byte> block(static_cast<std::byte*>(::operator new(block_bytes(bytes), kPage)),
                                           [](std::byte* p) { ::operator delete(p, kPage); });
    prepare(block.get());
    auto memory = std::make_unique<SharedMemory>(0, std::vector{block.get()}, bytes, block);
    memory->apart_ = apart;
    return memory;
}

void SharedMemory::prepare(std::byte* block) { new (block) Gate; }

void SharedMemory::wait_for(Gate& gate, std::uint32_t arrivals) {
    for (int i = 0; i < kSpins; ++i) {
        if (reached(gate.arrivals, arrivals)) return;
        _mm_pause();
    }
    for (int i = 0; i < kYields; ++i) {
        ::sched_yield();
        if (reached(gate.arrivals, arrivals)) return;
    }
    ++gate.sleepers;  // before the count is read again: who arrives later sees it and wakes us
    for (;;) {
        const std::uint32_t seen = gate.arrivals;
        if (static_cast<std::int32_t>(seen - arrivals) >= 0) break;
        futex(gate.arrivals, FUTEX_WAIT, seen);
    }
    --gate.sleepers;
}

void SharedMemory::barrier() {
    Gate& own = gate(rank_);
    own.arrivals = ++arrivals_;
    if (own.sleepers > 0) futex(own.arrivals, FUTEX_WAKE, INT_MAX);
    for (int other = 0; other < size(); ++other)
        if (other != rank_) wait_for(gate(other), arrivals_);
}

/// Two slots in turn: who writes one for the next call but one has met all others after they read it.
void SharedMemory::exchange(const void* own, std::size_t bytes) {
    if (bytes > kSlotBytes)
        throw UsageError("[shared memory] a slot holds " + std::to_string(kSlotBytes) + " bytes, not " +
                         std::to_string(bytes));
    std::byte* const slot = slot_at(rank_, ++turn_);
    // The lines of a slot are in the caches of those who read it last, and are written in order, each waiting for its
    // own way here: asked for together they come together. A tenth of the time of 4 KB.
    for (std::size_t at = 0; at < bytes; at += kLine) asm volatile("prefetchw (%0)" : : "r"(slot + at));
    if (bytes > 0) std::memcpy(slot, own, bytes);
    barrier();
    for (int r = 0; r < size(); ++r)
        for (std::size_t at = 0; at < bytes && r != rank_; at += kLine) __builtin_prefetch(slot_at(r, turn_) + at);
}

}  // namespace keel
