// What the fuzz targets share. Each is one file that defines LLVMFuzzerTestOneInput; libFuzzer drives it (Clang), or
// replay.cpp.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>

#include "kernels/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace keel::fuzz {

/// Calls `body`, which may refuse its input by an exception of type E. Any other exception is a finding, as a crash is.
template <class E, class Body>
void accept_or_refuse(const Body& body) {
    try {
        body();
    } catch (const E& refusal) {
        if (refusal.what()[0] == '\0') throw std::logic_error("a refusal without a message");
    }
}

/// Throws what no target accepts.
inline void require(bool condition, const char* what) {
    if (!condition) throw std::logic_error(what);
}

/// The input as a file that is nowhere on a disk.
class MemoryFile {
public:
    explicit MemoryFile(std::span<const std::uint8_t> bytes) : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
        const auto written = ::write(descriptor_, bytes.data(), bytes.size());
        require(descriptor_ >= 0 && written == static_cast<ssize_t>(bytes.size()), "memfd_create");
    }
    ~MemoryFile() { ::close(descriptor_); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;

    std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

private:
    int descriptor_;
};

}  // namespace keel::fuzz
