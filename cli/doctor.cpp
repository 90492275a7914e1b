// keel doctor
#include <unistd.h>
#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string>
#include <utility>

#include "cli/commands.h"
#include "cli/machine.h"
#include "engine/files.h"
#include "kernels/conv/conv.h"
#include "kernels/cpu.h"
#include "kernels/error.h"
#include "kernels/parallel.h"

namespace keel::cli {
namespace {

/// The contents of a file of /proc or /sys; empty where there is none.
std::string contents(const std::string& path) {
    try {
        return read_file(path, 1 << 20);
    } catch (const Error&) {
        return "";
    }
}

std::string environment(const char* name) {
    const char* text = std::getenv(name);
    return text == nullptr ? "" : text;
}

/// A line "MemTotal:  24576000 kB" of /proc/meminfo, in bytes; 0 where there is none.
std::int64_t memory_line(const std::string& meminfo, const std::string& key) {
    std::istringstream words(meminfo);
    for (std::string word; words >> word;) {
        std::int64_t kilobytes = 0;
        if (word == key && words >> kilobytes) return kilobytes * 1024;
    }
    return 0;
}

/// This process's folder of cgroup v2: the mount and what follows "0::" in /proc/self/cgroup.
std::string cgroup_folder() {
    std::istringstream lines(contents("/proc/self/cgroup"));
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with("0::")) return "/sys/fs/cgroup" + line.substr(3);
    return "/sys/fs/cgroup";
}

/// Each group on the way to the root limits the process: the least of them counts.
void read_cgroup_limits(Machine& machine) {
    for (std::string folder = cgroup_folder(); folder.size() >= std::string("/sys/fs/cgroup").size();
         folder.resize(folder.find_last_of('/'))) {
        if (const auto cores = cores_of_cpu_max(contents(folder + "/cpu.max")))
            machine.cgroup_cores = std::min(*cores, machine.cgroup_cores.value_or(*cores));
        std::istringstream words(contents(folder + "/memory.max"));  // "max" where there is no limit
        if (std::int64_t bytes = 0; words >> bytes)
            machine.cgroup_memory_bytes = std::min(bytes, machine.cgroup_memory_bytes.value_or(bytes));
    }
}

}  // namespace

Machine read_machine() {
    const CpuFeatures& cpu = cpu_features();
    Machine machine;
    machine.cpu = cpu.brand;
    const std::pair<bool, const char*> features[] = {
        {cpu.fma, "fma"}, {cpu.avx2, "avx2"}, {cpu.avx512, "avx512"}, {cpu.avx512_vnni, "avx512_vnni"}};
    for (const auto& [present, feature] : features)
        if (present) machine.features.emplace_back(feature);
    machine.isa = name(active_isa());
    machine.forced_isa = environment("KEEL_ISA");
    machine.online_cores = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
    machine.allowed_cores = allowed_cores();
    machine.threads = thread_count();
    machine.slurm_cpus_per_task = environment("SLURM_CPUS_PER_TASK");
    machine.omp_num_threads = environment("OMP_NUM_THREADS");
    machine.convolution_library = kernels::convolution_library();
    machine.huge_pages = chosen_word(contents("/sys/kernel/mm/transparent_hugepage/enabled"));
    const std::string meminfo = contents("/proc/meminfo");
    machine.memory_bytes = memory_line(meminfo, "MemTotal:");
    machine.available_bytes = memory_line(meminfo, "MemAvailable:");
    read_cgroup_limits(machine);
    return machine;
}

Run add_doctor(CLI::App&, const Globals& globals) {
    return [&globals] {
        const DoctorReport report = diagnose(read_machine());
        print_result(globals, report.object, report.text);
        return kSuccess;
    };
}

}  // namespace keel::cli
