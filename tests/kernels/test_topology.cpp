#include "kernels/topology.h"

#include <sched.h>

#include <algorithm>
#include <set>
#include <thread>

#include "kernels/parallel.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

namespace {

/// Linux's usual numbering of `sockets` sockets with `cores` cores each: the first hyper-threads of all cores, then the
/// second ones.
std::vector<Cpu> machine(int sockets, int cores, int hyper_threads) {
    std::vector<Cpu> cpus;
    for (int id = 0; id < sockets * cores * hyper_threads; ++id) {
        const int core = id % (sockets * cores);
        cpus.push_back({id, core, core / cores});
    }
    return cpus;
}

std::vector<Cpu> masked(const std::vector<Cpu>& cpus, int from, int to) {
    std::vector<Cpu> kept;
    std::ranges::copy_if(cpus, std::back_inserter(kept), [&](const Cpu& cpu) { return cpu.id >= from && cpu.id < to; });
    return kept;
}

std::vector<int> range(int from, int to) {
    std::vector<int> ids;
    for (int id = from; id < to; ++id) ids.push_back(id);
    return ids;
}

}  // namespace

TEST_CASE("A node of two sockets with 28 cores each", "[topology]") {
    const std::vector<Cpu> cpus = machine(2, 28, 2);
    CHECK(core_count(cpus) == 56);
    CHECK(plan_team(cpus, 56) == range(0, 56));  // each core once
    CHECK(plan_team(cpus, 28) == range(0, 28));  // one socket
    CHECK(plan_team(cpus, 8) == range(0, 8));
    const std::vector<int> more = plan_team(cpus, 30), all = plan_team(cpus, 112);
    CHECK(more == range(0, 30));  // no second hyper-thread while cores are free
    CHECK(all == range(0, 112));
    std::vector<int> twice = plan_team(cpus, 224);
    CHECK(std::vector<int>(twice.begin() + 112, twice.end()) == all);
}

TEST_CASE("Masks are honoured", "[topology]") {
    const std::vector<Cpu> cpus = machine(2, 28, 2);
    CHECK(plan_team(masked(cpus, 20, 36), 16) == range(20, 36));
    CHECK(plan_team(masked(cpus, 20, 36), 8) == range(20, 28));
    // 26 and 27 on the first socket, 28 to 35 on the second: four threads fit only there
    CHECK(plan_team(masked(cpus, 26, 36), 4) == range(28, 32));
    CHECK(plan_team(masked(cpus, 26, 36), 2) == range(26, 28));
    // Only second hyper-threads: each is its core's first here.
    CHECK(core_count(masked(cpus, 56, 84)) == 28);
    CHECK(plan_team(masked(cpus, 56, 84), 28) == range(56, 84));
    CHECK(plan_team(masked(cpus, 7, 8), 1) == std::vector{7});
    CHECK(plan_team(masked(cpus, 7, 8), 3) == std::vector{7, 7, 7});
    CHECK(plan_team({}, 3).empty());
}

TEST_CASE("Hyper-threads that are numbered side by side, and four nodes", "[topology]") {
    std::vector<Cpu> paired;
    for (int id = 0; id < 16; ++id) paired.push_back({id, id / 2 * 2, id / 8});
    CHECK(plan_team(paired, 4) == std::vector{0, 2, 4, 6});
    CHECK(plan_team(paired, 8) == std::vector{0, 2, 4, 6, 8, 10, 12, 14});
    CHECK(plan_team(paired, 10) == std::vector{0, 2, 4, 6, 8, 10, 12, 14, 1, 3});
    const std::vector<Cpu> four = machine(4, 14, 1);
    CHECK(plan_team(four, 14) == range(0, 14));
    CHECK(plan_team(four, 28) == range(0, 28));
    CHECK(plan_team(four, 56) == range(0, 56));
}

TEST_CASE("Every plan uses allowed processors, and as many as it can", "[topology]") {
    for (const int sockets : {1, 2, 4})
        for (const int hyper_threads : {1, 2})
            for (const int threads : {1, 2, 7, 28, 29, 56, 57, 200}) {
                const std::vector<Cpu> cpus = masked(machine(sockets, 14, hyper_threads), 3, 1000);
                const std::vector<int> team = plan_team(cpus, threads);
                CAPTURE(sockets, hyper_threads, threads);
                CHECK(std::ssize(team) == threads);
                const std::set<int> used(team.begin(), team.end());
                CHECK(std::ranges::all_of(used,
                                          [&](int id) { return std::ranges::find(cpus, id, &Cpu::id) != cpus.end(); }));
                std::set<int> cores;
                for (const Cpu& cpu : cpus)
                    if (used.contains(cpu.id)) cores.insert(cpu.core);
                CHECK(std::ssize(cores) == std::min(threads, core_count(cpus)));
            }
}

TEST_CASE("Threads stay on their node, and nowhere in particular on a machine of one", "[topology]") {
    const std::vector<Cpu> cpus = machine(2, 28, 1);
    const auto masks = team_masks(cpus, 56);
    REQUIRE(masks.size() == 56);
    for (std::size_t i = 0; i < 56; ++i) CHECK(masks[i] == (i < 28 ? range(0, 28) : range(28, 56)));
    for (const auto& mask : team_masks(cpus, 20)) CHECK(mask == range(0, 28));
    for (const auto& mask : team_masks(masked(cpus, 20, 36), 8)) CHECK(mask == range(20, 28));
    CHECK(team_masks(masked(cpus, 28, 56), 28).empty());
    CHECK(team_masks(machine(1, 2, 2), 2).empty());
}

TEST_CASE("A thread is near the memory of its node", "[topology]") {
    const std::vector<Cpu> cpus = machine(2, 28, 2);
    const std::vector<int> all = thread_nodes(cpus, {}, 56);
    REQUIRE(all.size() == 56);
    for (std::size_t i = 0; i < 56; ++i) CHECK(all[i] == (i < 28 ? 0 : 1));
    CHECK(thread_nodes(cpus, team_masks(cpus, 56), 56) == all);
    CHECK(thread_nodes(cpus, {}, 28) == std::vector<int>(28, 0));
    CHECK(thread_nodes(masked(cpus, 28, 56), {}, 3) == std::vector<int>(3, 1));
    CHECK(thread_nodes({}, {}, 3).empty());
    // Masks count, but for those of several nodes, of unknown processors, or of threads that have none.
    CHECK(thread_nodes(cpus, {{30}, {0, 30}, {}, {900}}, 6) == std::vector{1, 0, 0, 0, 0, 0});
    const std::vector<Cpu> four = machine(4, 14, 1);
    const std::vector<int> most = thread_nodes(four, {}, 43);
    for (int node = 0; node < 3; ++node) CHECK(std::ranges::count(most, node) == 14);
    CHECK(most.back() == 3);
    // A node without memory of its own: its threads are near another one's.
    std::vector<Cpu> odd = machine(3, 2, 1);
    for (Cpu& cpu : odd)
        if (cpu.node == 0) cpu.memory = 2;
    CHECK(thread_nodes(odd, {}, 6) == std::vector{2, 2, 1, 1, 2, 2});
}

TEST_CASE("A thread started by a bound one can use all processors again", "[topology]") {
    const std::vector<Cpu> all = process_cpus();
    std::vector<Cpu> bound, spread;
    std::thread([&] {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(all.back().id, &one);
        REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
        std::thread([&] {
            bound = allowed_cpus();
            use_process_cpus();
            spread = allowed_cpus();
        }).join();
    }).join();
    CHECK(bound == std::vector{all.back()});
    CHECK(spread == all);
    CHECK(process_cpus() == all);
}

TEST_CASE("The topology is read from the system's files", "[topology]") {
    const TemporaryFolder folder;
    const auto put = [&](const std::string& file, const char* text) { write_text(folder / file, text); };
    const std::vector<Cpu> bare = allowed_cpus(folder.path());
    REQUIRE(!bare.empty());
    for (const Cpu& cpu : bare) CHECK(cpu == Cpu{cpu.id, cpu.id, 0});
    // All allowed processors become hyper-threads of core 5 on node 3.
    for (const Cpu& cpu : bare) {
        put("cpu/cpu" + std::to_string(cpu.id) + "/topology/core_id", "5");
        put("cpu/cpu" + std::to_string(cpu.id) + "/topology/physical_package_id", "1");
    }
    put("node/node3/cpulist", "0-4095,5000,6000-6001");
    for (const Cpu& cpu : allowed_cpus(folder.path())) CHECK(cpu == Cpu{cpu.id, bare.front().id, 3, 1});
    CHECK(core_count(allowed_cpus(folder.path())) == 1);
}

TEST_CASE("A node without memory for the process is near the next one that has some", "[topology]") {
    const TemporaryFolder folder;
    const auto put = [&](const std::string& file, const char* text) { write_text(folder / file, text); };
    const std::string status = folder / "status";
    const auto memory = [&] { return allowed_cpus(folder.path(), status).front().memory_node(); };
    put("node/node5/cpulist", "0-4095");
    put("node/online", "1,3,5-6");
    put("node/node5/distance", "30 20 10 20");
    CHECK(memory() == 5);  // nothing says otherwise
    put("node/has_memory", "1,3,6");
    CHECK(memory() == 3);
    CHECK(allowed_cpus(folder.path(), status).front().node == 5);
    put("status", "Cpus_allowed_list:\t0-3\nMems_allowed_list:\t1,5-6\nnonvoluntary_ctxt_switches:\t3\n");
    CHECK(memory() == 6);
    put("node/has_memory", "0-6");
    CHECK(memory() == 5);
    put("status", "Mems_allowed_list:\t1\n");
    CHECK(memory() == 1);
    put("node/node5/distance", "nonsense");
    CHECK(memory() == 1);
    put("status", "Mems_allowed_list:\tnonsense\n");
    CHECK(memory() == 5);
}
