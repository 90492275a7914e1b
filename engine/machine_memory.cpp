#include "engine/machine_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "engine/files.h"
#include "kernels/cgroup.h"
#include "kernels/error.h"

namespace keel {
namespace {

/// Of lines "MemTotal:  24576000 kB", in bytes; 0 where there is none of that key.
std::int64_t line_of_memory(const std::string& text, const std::string& key) {
    std::istringstream words(text);
    for (std::string word; words >> word;) {
        std::int64_t kilobytes = 0;
        if (word == key && words >> kilobytes && kilobytes > 0 && kilobytes < std::int64_t{1} << 50)
            return kilobytes * 1024;
    }
    return 0;
}

std::string contents_of(const std::filesystem::path& file) {
    try {
        return read_file(file, 1 << 20);
    } catch (const Error&) {
        return "";
    }
}

}  // namespace

MachineMemory read_machine_memory(const std::filesystem::path& root) {
    const std::string text = contents_of(root / "proc/meminfo");
    MachineMemory memory{.total = line_of_memory(text, "MemTotal:"),
                         .available = line_of_memory(text, "MemAvailable:")};
    const CgroupLimits limits = read_cgroup_limits(root);
    if (limits.memory_bytes && (memory.total == 0 || *limits.memory_bytes < memory.total))
        memory.total = *limits.memory_bytes;
    const auto left = limits.memory_left ? limits.memory_left : limits.memory_bytes;
    if (left && (memory.available == 0 || *left < memory.available)) {
        memory.available = *left;
        memory.of_group = true;
    }
    return memory;
}

OwnMemory read_own_memory() {
    const std::string text = contents_of("/proc/self/status");
    return {line_of_memory(text, "VmRSS:"), line_of_memory(text, "VmHWM:")};
}

std::string memory_text(std::int64_t bytes) {
    const double value = static_cast<double>(bytes);
    if (value >= 99.95e9) return fmt::format("{:.0f} GB", value / 1e9);
    if (value >= 0.9995e9) return fmt::format("{:.1f} GB", value / 1e9);
    return fmt::format("{:.0f} MB", value / 1e6);
}

}  // namespace keel
