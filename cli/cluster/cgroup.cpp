#include "cli/cluster/cgroup.h"

#include <algorithm>
#include <sstream>
#include <string>

#include "engine/files.h"
#include "kernels/error.h"

namespace keel::cli {
namespace fs = std::filesystem;
namespace {

/// Version 1 has no word for "unlimited" memory: it is the largest number of whole pages, well above this.
constexpr std::int64_t kUnlimited = std::int64_t{1} << 60;

/// The contents of a file; empty where it cannot be read.
std::string contents(const fs::path& file) {
    try {
        return read_file(file, 1 << 20);
    } catch (const Error&) {
        return "";
    }
}

template <class T>
void lower(std::optional<T>& limit, T value) {
    limit = std::min(value, limit.value_or(value));
}

/// `text` is the CPU time granted and the period it is granted for: "150000 100000" is 1.5 cores. Version 2 says "max"
/// and version 1 -1 where there is no limit.
void lower_cores(CgroupLimits& limits, const std::string& text) {
    std::istringstream words(text);
    double quota = 0, period = 0;
    if (words >> quota >> period && quota > 0 && period > 0) lower(limits.cores, quota / period);
}

void lower_memory(CgroupLimits& limits, const std::string& text) {
    std::istringstream words(text);
    std::int64_t bytes = 0;
    if (words >> bytes && bytes >= 0 && bytes < kUnlimited) lower(limits.memory_bytes, bytes);
}

/// The files of either version; a group has those of the controllers of its hierarchy.
void lower_by_group(CgroupLimits& limits, const fs::path& group) {
    lower_cores(limits, contents(group / "cpu.max"));
    lower_cores(limits, contents(group / "cpu.cfs_quota_us") + " " + contents(group / "cpu.cfs_period_us"));
    lower_memory(limits, contents(group / "memory.max"));
    lower_memory(limits, contents(group / "memory.limit_in_bytes"));
}

}  // namespace

CgroupLimits read_cgroup_limits(const fs::path& root) {
    CgroupLimits limits;
    // Lines "ID:CONTROLLERS:/GROUP"; version 2's has no controllers. A hierarchy of version 1 is mounted under its
    // controllers' names. In a container the group may lie outside of what is mounted: then only the hierarchy's root
    // is found.
    std::istringstream lines(contents(root / "proc/self/cgroup"));
    for (std::string line; std::getline(lines, line);) {
        const std::size_t first = line.find(':'), second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) continue;
        const fs::path hierarchy = root / "sys/fs/cgroup" / line.substr(first + 1, second - first - 1);
        const fs::path group = fs::path(line.substr(second + 1)).relative_path();
        fs::path at = hierarchy;
        lower_by_group(limits, at);
        for (const fs::path& part : group) lower_by_group(limits, at /= part);
    }
    return limits;
}

}  // namespace keel::cli
