#include "kernels/scratch.h"

#include <sys/mman.h>

#include <memory>
#include <new>

namespace keel::kernels {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

struct AlignedDelete {
    std::align_val_t alignment{64};
    void operator()(std::byte* data) const { ::operator delete(data, alignment); }
};

struct Buffer {
    std::unique_ptr<std::byte, AlignedDelete> data;
    std::size_t bytes = 0;
};

/// Packed panels are walked in many streams at once: with small pages each stream costs an entry of the TLB.
Buffer allocate(std::size_t bytes) {
    const std::align_val_t alignment{bytes < kHugePage ? 64 : kHugePage};
    Buffer buffer;
    buffer.data = {static_cast<std::byte*>(::operator new(bytes, alignment)), AlignedDelete{alignment}};
    buffer.bytes = bytes;
    if (bytes >= kHugePage) madvise(buffer.data.get(), bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
    return buffer;
}

}  // namespace

std::byte* scratch(std::size_t bytes) {
    thread_local Buffer buffer;
    if (buffer.bytes < bytes) {
        buffer = {};  // frees first: the two together could exceed the memory at hand
        buffer = allocate(bytes);
    }
    return buffer.data.get();
}

}  // namespace keel::kernels
