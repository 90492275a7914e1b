#include "kernels/cgroup.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace keel {
namespace fs = std::filesystem;
namespace {

/// Version 1 has no word for "unlimited" memory: it is the largest number of whole pages, well above this.
constexpr std::int64_t kUnlimited = std::int64_t{1} << 60;

/// The contents of a file; empty where it cannot be read.
std::string group_contents(const fs::path& file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
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

/// What of a group's memory is files in the cache, of lines "inactive_file 4096" (version 1: "total_inactive_file").
std::int64_t cached_bytes(const std::string& statistics) {
    std::int64_t cached = 0, of_version_1 = 0;
    std::istringstream words(statistics);
    std::int64_t bytes = 0;
    for (std::string key; words >> key >> bytes;) {
        if (key == "inactive_file" || key == "active_file") cached += bytes;
        if (key == "total_inactive_file" || key == "total_active_file") of_version_1 += bytes;
    }
    return std::max<std::int64_t>(0, std::max(cached, of_version_1));  // version 1's own counts leave out children
}

/// A limit, and what of it is used, in the files of either version.
void lower_memory(CgroupLimits& limits, const fs::path& group, const char* most, const char* used) {
    std::istringstream words(group_contents(group / most)), used_words(group_contents(group / used));
    std::int64_t bytes = 0, held = 0;
    if (!(words >> bytes) || bytes < 0 || bytes >= kUnlimited) return;
    lower(limits.memory_bytes, bytes);
    if (used_words >> held && held >= 0)
        lower(limits.memory_left,
              std::clamp<std::int64_t>(bytes - held + cached_bytes(group_contents(group / "memory.stat")), 0, bytes));
}

/// The files of either version; a group has those of the controllers of its hierarchy.
void lower_by_group(CgroupLimits& limits, const fs::path& group) {
    lower_cores(limits, group_contents(group / "cpu.max"));
    lower_cores(limits, group_contents(group / "cpu.cfs_quota_us") + " " + group_contents(group / "cpu.cfs_period_us"));
    lower_memory(limits, group, "memory.max", "memory.current");
    lower_memory(limits, group, "memory.limit_in_bytes", "memory.usage_in_bytes");
    std::istringstream pids(group_contents(group / "pids.max"));
    if (std::int64_t most = 0; pids >> most && most >= 0) lower(limits.processes, most);
}

/// Lists with commas between the words: whether they have one in common, or are both empty.
bool share_a_word(const std::string& a, const std::string& b) {
    if (a.empty() || b.empty()) return a.empty() && b.empty();
    std::istringstream words(a);
    for (std::string word; std::getline(words, word, ',');)
        if (("," + b + ",").find("," + word + ",") != std::string::npos) return true;
    return false;
}

/// A hierarchy as it is mounted: the group that its top shows, and where that is.
struct Mount {
    std::string controllers;  ///< "cpu,cpuacct", among other options; empty: version 2
    fs::path top, place;
};

/// Of lines "36 35 0:31 /TOP /PLACE rw,... shared:1 - cgroup cgroup rw,cpu,cpuacct" those of control groups.
std::vector<Mount> mounts_of(const std::string& mountinfo) {
    std::vector<Mount> mounts;
    std::istringstream lines(mountinfo);
    for (std::string line; std::getline(lines, line);) {
        const std::size_t dash = line.find(" - ");
        if (dash == std::string::npos) continue;
        std::istringstream before(line.substr(0, dash)), after(line.substr(dash + 3));
        std::string skipped, top, place, kind, source, options;
        before >> skipped >> skipped >> skipped >> top >> place;
        after >> kind >> source >> options;
        if (kind == "cgroup2") mounts.push_back({"", top, place});
        if (kind == "cgroup") mounts.push_back({options, top, place});
    }
    return mounts;
}

/// Where the hierarchy of some controllers may be found: as mounted, or else under their names, of which there may be
/// links for each.
std::vector<Mount> places_of(const std::vector<Mount>& mounts, const std::string& controllers) {
    std::vector<Mount> places;
    for (const Mount& mount : mounts)
        if (share_a_word(controllers, mount.controllers)) places.push_back(mount);
    if (!places.empty()) return places;
    const fs::path all = "/sys/fs/cgroup";
    places.push_back({controllers, "/", all / controllers});
    std::istringstream words(controllers);
    for (std::string word; std::getline(words, word, ',');) places.push_back({word, "/", all / word});
    return places;
}

/// The way from a mounted group down to `group`; none where that lies outside, as it may in a container.
fs::path below(const fs::path& top, const fs::path& group) {
    const fs::path way = group.lexically_relative(top);
    return way.empty() || *way.begin() == ".." || way == "." ? fs::path() : way;
}

}  // namespace

CgroupLimits read_cgroup_limits(const fs::path& root) {
    CgroupLimits limits;
    const std::vector<Mount> mounts = mounts_of(group_contents(root / "proc/self/mountinfo"));
    // Lines "ID:CONTROLLERS:/GROUP"; version 2's has no controllers.
    std::istringstream lines(group_contents(root / "proc/self/cgroup"));
    for (std::string line; std::getline(lines, line);) {
        const std::size_t first = line.find(':'), second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        for (const Mount& mount : places_of(mounts, controllers)) {
            fs::path at = root / mount.place.relative_path();
            lower_by_group(limits, at);
            for (const fs::path& part : below(mount.top, line.substr(second + 1))) lower_by_group(limits, at /= part);
        }
    }
    return limits;
}

int cores_within(int cores, std::optional<double> quota) {
    return quota ? std::clamp(static_cast<int>(std::ceil(std::min(*quota, 1e6))), 1, cores) : cores;
}

}  // namespace keel
