// What read_machine() asks the system for.
#include <sys/mman.h>
#include <unistd.h>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "cli/cluster/isas.h"
#include "cli/cluster/machine.h"
#include "cli/cluster/openmp.h"
#include "distributed/mpi/mpi_communicator.h"
#include "engine/files.h"
#include "kernels/cpu.h"
#include "kernels/error.h"
#include "kernels/node_memory.h"
#include "kernels/onednn/library.h"
#include "kernels/parallel.h"
#include "kernels/topology.h"

namespace keel::cli {
namespace {

/// The contents of a file of /proc or /sys; empty where there is none.
std::string file_contents(const std::string& path) {
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

/// Whether the system places memory on the nodes of the team in turn, asked of a page.
bool can_interleave() {
    const std::vector<int> nodes = team_nodes();
    if (nodes.size() < 2) return true;
    const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* page = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return false;
    const bool can = interleave_pages(page, bytes, nodes);
    ::munmap(page, bytes);
    return can;
}

}  // namespace

Machine read_machine() {
    Machine machine;
    machine.cpu = processor().brand;
    read_isas(machine);
    machine.online_cpus = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
    machine.cpus = process_cpus();
    machine.allowed_cpus = static_cast<int>(machine.cpus.size());
    machine.allowed_cores = allowed_cores();
    machine.threads = thread_count();
    machine.interleaves = can_interleave();
    machine.slurm_cpus_per_task = environment("SLURM_CPUS_PER_TASK");
    machine.omp_num_threads = environment("OMP_NUM_THREADS");
    for (const char* name : kOpenMpVariables)
        if (const std::string value = environment(name); !value.empty())
            machine.openmp.push_back(std::string(name) + "=" + value);
    machine.convolution_library = kernels::convolution_library();
    machine.mpi = !mpi_library().empty();
    machine.huge_pages = chosen_word(file_contents("/sys/kernel/mm/transparent_hugepage/enabled"));
    const std::string meminfo = file_contents("/proc/meminfo");
    machine.memory_bytes = memory_line(meminfo, "MemTotal:");
    machine.available_bytes = memory_line(meminfo, "MemAvailable:");
    machine.cgroup = read_cgroup_limits();
    return machine;
}

}  // namespace keel::cli
