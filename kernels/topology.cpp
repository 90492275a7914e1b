#include "kernels/topology.h"

#include "kernels/immortal.h"

#include <omp.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <fstream>
#include <istream>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace keel {
namespace {

/// The numbers of the processors in the affinity mask of a thread; 0 is the calling one.
std::vector<int> masked_cpus(pid_t thread = 0) {
    // A kernel built for more processors than a cpu_set_t holds refuses it: twice the size until it fits.
    for (int bits = CPU_SETSIZE; bits <= 1 << 20; bits *= 2) {
        cpu_set_t* mask = CPU_ALLOC(static_cast<std::size_t>(bits));
        const std::size_t size = CPU_ALLOC_SIZE(static_cast<std::size_t>(bits));
        std::vector<int> ids;
        if (sched_getaffinity(thread, size, mask) == 0)
            for (int id = 0; id < bits; ++id)
                if (CPU_ISSET_S(static_cast<std::size_t>(id), size, mask)) ids.push_back(id);
        CPU_FREE(mask);
        if (!ids.empty()) return ids;
    }
    return {0};
}

/// The processors of OpenMP's places, for a program whose threads are bound: where they are not, LLVM's runtime gives a
/// thread that asks all processors. Not inlined, since Clang moves such questions to the beginning of a function,
/// before what guards them.
[[gnu::noinline]] std::vector<int> place_cpus(int place) {
    std::vector<int> ids(static_cast<std::size_t>(omp_get_place_num_procs(place)));
    omp_get_place_proc_ids(place, ids.data());
    return ids;
}

[[gnu::noinline]] std::vector<int> place_cpus() {
    std::set<int> all;
    for (int place = 0; place < omp_get_num_places(); ++place) {
        const std::vector<int> ids = place_cpus(place);
        all.insert(ids.begin(), ids.end());
    }
    return {all.begin(), all.end()};
}

bool openmp_binds() { return omp_get_proc_bind() != omp_proc_bind_false; }

/// The processors of usable_processors().
std::vector<int> usable_cpus() {
    std::set<int> all;
    if (openmp_binds())
        for (const int id : place_cpus()) all.insert(id);
    if (all.empty())
        for (const pid_t thread : {pid_t{0}, ::getpid()})
            for (const int id : masked_cpus(thread)) all.insert(id);
    return {all.begin(), all.end()};
}

/// The number in a file of one line, or `otherwise`.
int read_number(const std::string& path, int otherwise) {
    std::ifstream in(path);
    int value = 0;
    return in >> value ? value : otherwise;
}

/// The numbers of a list "0-27,56-83".
std::vector<int> read_list(std::istream& in) {
    std::vector<int> numbers;
    for (int low = 0; in >> low; in.ignore(1, ',')) {
        int high = low;
        if (in.peek() == '-') in.ignore(1) >> high;
        for (int number = low; number <= high; ++number) numbers.push_back(number);
    }
    return numbers;
}

std::vector<int> read_list(const std::string& path) {
    std::ifstream in(path);
    return read_list(in);
}

/// processor -> node, from the lists of each node.
std::map<int, int> read_nodes(const std::string& sysfs) {
    std::map<int, int> nodes;
    for (int node = 0; node < 1024; ++node)
        for (const int id : read_list(sysfs + "/node/node" + std::to_string(node) + "/cpulist")) nodes[id] = node;
    return nodes;
}

/// The nodes whose memory the process may use; empty where nothing says so.
std::vector<int> read_memory_nodes(const std::string& sysfs, const std::string& status) {
    std::vector<int> nodes = read_list(sysfs + "/node/has_memory"), allowed;
    std::ifstream in(status);
    for (std::string word; allowed.empty() && in >> word;)
        if (word == "Mems_allowed_list:") allowed = read_list(in);
    const auto refused = [&](int node) { return !allowed.empty() && std::ranges::count(allowed, node) == 0; };
    std::erase_if(nodes, refused);
    return nodes;
}

/// That one of the nodes with memory which is nearest to `node`; of several the first.
int nearest_memory(const std::string& sysfs, int node, const std::vector<int>& with_memory) {
    const std::vector<int> online = read_list(sysfs + "/node/online");
    std::ifstream in(sysfs + "/node/node" + std::to_string(node) + "/distance");
    int best = with_memory.front(), least = std::numeric_limits<int>::max();
    std::size_t at = 0;
    for (int distance = 0; at < online.size() && in >> distance; ++at)
        if (distance < least && std::ranges::count(with_memory, online[at]) != 0) {
            best = online[at];
            least = distance;
        }
    return best;
}

constinit std::atomic<const std::vector<Cpu>*> made_up_cpus{nullptr};

/// Processors kept for threads beside the compute pool.
constinit Immortal<std::vector<int>> service_cpus;
constinit ForkMutex service_mutex;

}  // namespace

std::vector<Cpu> allowed_cpus(const std::string& sysfs, const std::string& status) {
    std::vector<int> ids;
    if (openmp_binds()) ids = place_cpus();
    if (ids.empty()) ids = masked_cpus();
    const std::map<int, int> nodes = read_nodes(sysfs);
    const std::vector<int> with_memory = read_memory_nodes(sysfs, status);
    std::map<int, int> memory;  // of each node without any
    for (const auto& [id, node] : nodes)
        if (!with_memory.empty() && std::ranges::count(with_memory, node) == 0 && !memory.contains(node))
            memory[node] = nearest_memory(sysfs, node, with_memory);
    // A core's number is told apart only within its package: the number of its first processor is unique.
    std::map<std::pair<int, int>, int> cores;
    std::vector<Cpu> cpus;
    for (const int id : ids) {
        const std::string folder = sysfs + "/cpu/cpu" + std::to_string(id) + "/topology/";
        const int core = read_number(folder + "core_id", -1), package = read_number(folder + "physical_package_id", -1);
        const int first = core < 0 ? id : cores.try_emplace({package, core}, id).first->second;
        const auto found = nodes.find(id);
        const int node = found == nodes.end() ? 0 : found->second;
        cpus.push_back({id, first, node, std::max(package, 0), memory.contains(node) ? memory[node] : -1});
    }
    return cpus;
}

const std::vector<Cpu>& process_cpus() {
    if (const std::vector<Cpu>* made_up = made_up_cpus.load(std::memory_order_acquire)) return *made_up;
    static Immortal<std::vector<Cpu>> cpus;
    return cpus.get([] { return allowed_cpus(); });
}

bool has_several_nodes() {
    static Immortal<bool> several;
    return made_up_cpus.load(std::memory_order_relaxed) != nullptr ||
           several.get([] { return read_list("/sys/devices/system/node/online").size() > 1; });
}

CpuScope::CpuScope(std::vector<Cpu> cpus) : cpus_(std::move(cpus)) { made_up_cpus = &cpus_; }
CpuScope::~CpuScope() { made_up_cpus = nullptr; }

int usable_processors() { return static_cast<int>(usable_cpus().size()); }

void use_usable_processors() {
    if (!openmp_binds()) bind_thread(usable_cpus());
}

std::vector<std::vector<int>> openmp_places(int threads) {
    std::vector<std::vector<int>> masks;
    if (!openmp_binds()) return masks;
    const int places = omp_get_num_places();
    const bool spread = omp_get_proc_bind() == omp_proc_bind_spread && threads < places;
    for (int i = 0; i < threads && places > 0; ++i)
        masks.push_back(place_cpus(spread ? i * places / threads : i % places));
    return masks;
}

void bind_thread(const std::vector<int>& ids) {
    if (ids.empty()) return;
    const auto bits = static_cast<std::size_t>(std::ranges::max(ids) + 1);
    cpu_set_t* mask = CPU_ALLOC(bits);
    const std::size_t size = CPU_ALLOC_SIZE(bits);
    CPU_ZERO_S(size, mask);
    for (const int id : ids) CPU_SET_S(static_cast<std::size_t>(id), size, mask);
    static_cast<void>(sched_setaffinity(0, size, mask));
    CPU_FREE(mask);
}

void keep_service_cpus(std::vector<int> ids) {
    std::vector<int>& kept = service_cpus.get();
    const std::lock_guard lock(service_mutex);
    kept = std::move(ids);
}

void use_process_cpus() {
    std::vector<int> ids;
    {
        const std::vector<int>& kept = service_cpus.get();
        const std::lock_guard lock(service_mutex);
        ids = kept;
    }
    if (!ids.empty()) return bind_thread(ids);
    for (const Cpu& cpu : process_cpus()) ids.push_back(cpu.id);
    bind_thread(ids);
}

int core_count(const std::vector<Cpu>& cpus) {
    std::set<int> cores;
    for (const Cpu& cpu : cpus) cores.insert(cpu.core);
    return static_cast<int>(cores.size());
}

std::vector<int> plan_team(std::vector<Cpu> cpus, int threads) {
    std::ranges::sort(cpus, {}, [](const Cpu& cpu) { return std::array{cpu.node, cpu.core, cpu.id}; });
    std::map<int, std::vector<Cpu>> nodes;
    for (const Cpu& cpu : cpus) nodes[cpu.node].push_back(cpu);

    // The smallest node that holds the rest, or else the largest, until all threads have a core or no node is left.
    std::vector<Cpu> chosen;
    for (int missing = threads; missing > 0 && !nodes.empty();) {
        const auto cores = [](const auto& node) { return core_count(node.second); };
        auto best = std::ranges::max_element(nodes, {}, cores);
        for (auto node = nodes.begin(); node != nodes.end(); ++node)
            if (cores(*node) >= missing && cores(*node) < cores(*best)) best = node;
        missing -= cores(*best);
        chosen.insert(chosen.end(), best->second.begin(), best->second.end());
        nodes.erase(best);
    }

    // First hyper-threads of all cores, then the second ones, ...
    std::map<int, int> used;
    std::vector<std::pair<int, Cpu>> ranked;
    for (const Cpu& cpu : chosen) ranked.emplace_back(used[cpu.core]++, cpu);
    std::ranges::stable_sort(ranked, {}, [](const auto& entry) { return entry.first; });
    std::vector<int> team;
    for (int i = 0; i < threads && !ranked.empty(); ++i)
        team.push_back(ranked[static_cast<std::size_t>(i) % ranked.size()].second.id);
    return team;
}

std::vector<std::vector<int>> team_masks(const std::vector<Cpu>& cpus, int threads) {
    std::map<int, std::vector<int>> on_node;
    std::map<int, int> node_of;
    for (const Cpu& cpu : cpus) {
        on_node[cpu.node].push_back(cpu.id);
        node_of[cpu.id] = cpu.node;
    }
    std::vector<std::vector<int>> masks;
    if (on_node.size() > 1)
        for (const int id : plan_team(cpus, threads)) masks.push_back(on_node[node_of[id]]);
    return masks;
}

std::vector<int> thread_nodes(const std::vector<Cpu>& cpus, const std::vector<std::vector<int>>& masks, int threads) {
    std::map<int, int> node_of;
    for (const Cpu& cpu : cpus) node_of[cpu.id] = cpu.memory_node();
    std::vector<int> nodes;
    for (const int id : plan_team(cpus, threads)) {
        std::set<int> own;
        if (nodes.size() < masks.size())
            for (const int masked : masks[nodes.size()])
                if (node_of.contains(masked)) own.insert(node_of[masked]);
        nodes.push_back(own.size() == 1 ? *own.begin() : node_of[id]);
    }
    return nodes;
}

}  // namespace keel
