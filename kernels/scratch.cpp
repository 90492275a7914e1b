#include "kernels/scratch.h"

#include <sys/mman.h>

#include <atomic>
#include <new>

namespace keel::kernels {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

constexpr std::align_val_t alignment_of(std::size_t bytes) {
    return std::align_val_t{bytes < kHugePage ? 64 : kHugePage};
}

/// Trivially destructible: the destructor of a static object may compute on a thread whose own are gone.
struct Buffer {
    std::byte* data;
    std::size_t bytes;
    unsigned trims;  ///< of the process that it has followed

    void release() {
        if (data != nullptr) ::operator delete(data, alignment_of(bytes));
        data = nullptr;
        bytes = 0;
    }
};

constinit thread_local Buffer own{};
constinit std::atomic<unsigned> trims{0};

/// Gives the buffer back when the thread ends. What is made after that stays.
struct AtEnd {
    ~AtEnd() { own.release(); }
    void touch() {}
};

thread_local AtEnd at_end;

}  // namespace

// Packed panels are walked in many streams at once: with small pages each stream costs an entry of the TLB.
std::byte* scratch(std::size_t bytes) {
    if (const unsigned now = trims.load(std::memory_order_relaxed); own.trims != now) {
        own.trims = now;
        own.release();
    }
    if (own.bytes < bytes) {
        own.release();  // first: the two together could exceed the memory at hand
        at_end.touch();
        own.data = static_cast<std::byte*>(::operator new(bytes, alignment_of(bytes)));
        own.bytes = bytes;
        if (bytes >= kHugePage) madvise(own.data, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
    }
    return own.data;
}

void release_scratch() { own.release(); }

void trim_scratch() {
    ++trims;
    release_scratch();
}

}  // namespace keel::kernels
