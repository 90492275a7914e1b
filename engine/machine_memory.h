// The memory of the machine that this process may still have.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace keel {

/// Bytes; 0 where the system does not tell.
struct MachineMemory {
    std::int64_t total = 0;      ///< of the machine, or of the control group that holds the process, whichever is less
    std::int64_t available = 0;  ///< what of it no process holds; files in the cache can be dropped
    bool of_group = false;       ///< `available` is what a control group leaves

    bool known() const { return total > 0; }
};

/// Reads proc/meminfo below `root` and the limits of control groups (kernels/cgroup.h).
MachineMemory read_machine_memory(const std::filesystem::path& root = "/");

/// Returns how many bytes of memory this process holds now, shared ones included, and held at most so far; 0 where the
/// system does not tell.
struct OwnMemory {
    std::int64_t now = 0, peak = 0;
};
OwnMemory read_own_memory();

/// "1.5 GB", "230 MB": bytes for people, in powers of 1000.
std::string memory_text(std::int64_t bytes);

}  // namespace keel
