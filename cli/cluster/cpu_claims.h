// Which processors of this machine other runs of Keel's compute on: each locks the folders of its own in the kernel's
// list of processors. The kernel takes the locks back whenever a process ends, and nothing is written anywhere.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace keel::cli {

class CpuClaims {
public:
    /// `sysfs` is any folder with cpu/cpuN/ for each processor.
    explicit CpuClaims(std::string sysfs = "/sys/devices/system") : sysfs_(std::move(sysfs)) {}
    ~CpuClaims() { release(); }
    CpuClaims(const CpuClaims&) = delete;
    CpuClaims& operator=(const CpuClaims&) = delete;

    /// Returns those of these processors that another process, or another object, has claimed. Processors without a
    /// folder that can be locked are free. In a container of another network namespace the folders are others.
    std::set<int> taken(const std::vector<int>& cpus) const;

    /// Claims all of these until release(); false, with none of them claimed, where somebody else has one.
    bool claim(const std::vector<int>& cpus);
    void release();

    /// The claims of this process, until its end.
    static CpuClaims& of_process();

private:
    std::string sysfs_;
    std::vector<int> locks_;
};

/// Returns the processors that were busy for more than half of the time between two readings of /proc/stat.
std::set<int> busy_cpus(const std::string& before, const std::string& after);

}  // namespace keel::cli
