// Which processors this process may use, and which of them a team of threads should sit on.
#pragma once

#include <string>
#include <vector>

namespace keel {

/// A logical processor. Those with the same `core` are hyper-threads of one core, those with the same `node` share
/// memory; a socket has one node or several.
struct Cpu {
    int id = 0, core = 0, node = 0, socket = 0;
    int memory = -1;  ///< the node whose memory is nearest, where its own has none for this process; else -1
    int memory_node() const { return memory < 0 ? node : memory; }
    bool operator==(const Cpu&) const = default;
};

/// The processors that this process was given (taskset, Slurm, a cpuset), by number, with the cores, nodes and sockets
/// that `sysfs` tells; a processor that it tells nothing about is a core of its own on node 0 of socket 0. Where OpenMP
/// was told to bind its threads, which shrinks the mask of the first one to its own place, these are the processors of
/// all places. Which nodes' memory the process may use stands in `status`.
std::vector<Cpu> allowed_cpus(const std::string& sysfs = "/sys/devices/system",
                              const std::string& status = "/proc/self/status");

/// allowed_cpus() as it was when this was called first: what is bound to fewer processors later keeps its answer.
const std::vector<Cpu>& process_cpus();

/// Whether process_cpus() may be of several nodes: false where the machine has one, and nothing else is looked at then.
bool has_several_nodes();

/// process_cpus() are these for the lifetime of the object, one at a time: so tests make up machines. Not while another
/// thread asks for them.
class CpuScope {
public:
    explicit CpuScope(std::vector<Cpu> cpus);
    ~CpuScope();
    CpuScope(const CpuScope&) = delete;
    CpuScope& operator=(const CpuScope&) = delete;

private:
    std::vector<Cpu> cpus_;
};

/// Returns how many processors threads may run on now: those of the calling thread and of the process's first one, or
/// those of all places where OpenMP was told to bind threads. It follows what the system takes away and gives.
int usable_processors();

/// bind_thread to those processors, for a thread that one thread starts and all use; not where OpenMP binds.
void use_usable_processors();

/// Returns the processors of each of `threads` threads where OpenMP was told to bind its own (OMP_PROC_BIND and
/// OMP_PLACES, GOMP_CPU_AFFINITY), else nothing.
std::vector<std::vector<int>> openmp_places(int threads);

/// Lets the calling thread, and those it starts from here on, run on these processors alone; where the system refuses,
/// it stays where it is.
void bind_thread(const std::vector<int>& ids);

/// bind_thread to all of process_cpus(), or to those of keep_service_cpus(): for threads beside the compute pool, which
/// inherit the processors of the thread that starts them.
void use_process_cpus();

/// Keeps threads beside the compute pool on these processors; empty: on all of process_cpus().
void keep_service_cpus(std::vector<int> ids);

/// How many different cores there are.
int core_count(const std::vector<Cpu>& cpus);

/// The processor of each thread of a team. Cores are taken before second hyper-threads, and as few nodes as hold the
/// team, the smallest that does first: threads of a team share caches and memory. Within a node threads follow the
/// numbers of the cores. A team larger than all processors goes round again. A pure function; empty where `cpus` is.
std::vector<int> plan_team(std::vector<Cpu> cpus, int threads);

/// Where each thread of the team may run: on the processors of its planned one's node. So it stays near the memory that
/// it was the first to touch, and the system may still move it away from other load. Empty where all of `cpus` share a
/// node.
std::vector<std::vector<int>> team_masks(const std::vector<Cpu>& cpus, int threads);

/// The node whose memory each thread of a team is near: that of its mask, or, where it has none or one of several
/// nodes, of its planned processor. A pure function.
std::vector<int> thread_nodes(const std::vector<Cpu>& cpus, const std::vector<std::vector<int>>& masks, int threads);

}  // namespace keel
