#include "cli/cluster/cpu_claims.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <sstream>

namespace keel::cli {
namespace {

/// The folder of a processor, open; -1 where there is none.
int open_cpu(const std::string& sysfs, int cpu) {
    return ::open((sysfs + "/cpu/cpu" + std::to_string(cpu)).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/// Whether nobody else has the lock; who only looks has it for a moment.
bool lock(int folder) {
    for (int tries = 0; tries < 20; ++tries) {
        if (::flock(folder, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return true;
        ::usleep(1000);
    }
    return false;
}

struct CpuTime {
    double busy = 0, all = 0;
};

/// Lines "cpu3 user nice system idle iowait irq softirq steal ..." in ticks.
std::map<int, CpuTime> cpu_times(const std::string& stat) {
    std::map<int, CpuTime> times;
    std::istringstream lines(stat);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream fields(line);
        std::string name;
        fields >> name;
        if (!name.starts_with("cpu") || name.size() == 3 || name.size() > 9 ||
            name.find_first_not_of("0123456789", 3) != std::string::npos)
            continue;
        CpuTime& time = times[std::stoi(name.substr(3))];
        constexpr int kIdle = 3, kWaiting = 4, kFields = 8;
        double ticks = 0;
        for (int field = 0; field < kFields && fields >> ticks; ++field) {
            time.all += ticks;
            if (field != kIdle && field != kWaiting) time.busy += ticks;
        }
    }
    return times;
}

}  // namespace

std::set<int> CpuClaims::taken(const std::vector<int>& cpus) const {
    std::set<int> held;
    for (const int cpu : cpus) {
        const int folder = open_cpu(sysfs_, cpu);
        if (folder < 0) continue;
        // Shared, so that two that look in the same moment do not take each other for an owner.
        if (::flock(folder, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) held.insert(cpu);
        ::close(folder);
    }
    return held;
}

bool CpuClaims::claim(const std::vector<int>& cpus) {
    const std::size_t before = locks_.size();
    for (const int cpu : std::set<int>(cpus.begin(), cpus.end())) {
        const int folder = open_cpu(sysfs_, cpu);
        if (folder < 0) continue;
        locks_.push_back(folder);
        if (lock(folder)) continue;
        for (; locks_.size() > before; locks_.pop_back()) ::close(locks_.back());
        return false;
    }
    return true;
}

void CpuClaims::release() {
    for (const int lock : locks_) ::close(lock);
    locks_.clear();
}

CpuClaims& CpuClaims::of_process() {
    static auto* const claims = new CpuClaims();  // locks end with the process
    return *claims;
}

std::set<int> busy_cpus(const std::string& before, const std::string& after) {
    std::map<int, CpuTime> then = cpu_times(before);
    std::set<int> busy;
    for (const auto& [cpu, now] : cpu_times(after)) {
        const double all = now.all - then[cpu].all;
        if (all > 0 && now.busy - then[cpu].busy > all / 2) busy.insert(cpu);
    }
    return busy;
}

}  // namespace keel::cli
