// The limits that Linux control groups, version 1 or 2, set on this process.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace keel {

struct CgroupLimits {
    std::optional<double> cores;  ///< CPU time per time; none: no limit
    std::optional<std::int64_t> memory_bytes;
    std::optional<std::int64_t> memory_left;  ///< of that: what no process holds; files in the cache can be dropped
    std::optional<std::int64_t> processes;    ///< and threads, together
};

/// Reads proc/self/cgroup below `root` and the hierarchies where proc/self/mountinfo says that they are mounted, or
/// else in sys/fs/cgroup. Each group on the way to the hierarchy's root limits the process: the least of them counts.
/// What is missing or malformed limits nothing.
CgroupLimits read_cgroup_limits(const std::filesystem::path& root = "/");

/// Returns how many of `cores` a quota of cores has use for, at least one; of one between two whole numbers the larger.
int cores_within(int cores, std::optional<double> quota);

}  // namespace keel
