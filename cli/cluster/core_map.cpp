#include "cli/cluster/core_map.h"

#include <fmt/format.h>

#include <cstddef>
#include <vector>

#include "distributed/mpi/mpi_communicator.h"
#include "engine/text.h"

namespace keel::cli {
namespace {

constexpr const char* kCommand = "keel train ...";

}  // namespace

NodeCores cores_of(const Machine& machine) { return {machine.cpus, machine.cgroup.cores.value_or(0)}; }

Json core_map_object(const CorePlan& plan, int nodes) {
    Json ranks = Json::array();
    for (const RankCores& rank : plan.ranks)
        ranks.push_back({{"sockets", rank.sockets},
                         {"compute", rank.compute},
                         {"communication", rank.communication},
                         {"loaders", rank.loaders}});
    return {{"ranks_per_node", plan.ranks.size()},
            {"threads_per_rank", plan.threads},
            {"cores", plan.cores},
            {"idle_cores", plan.idle_cores},
            {"own_core", plan.own_core},
            {"oversubscribed", plan.oversubscribed},
            {"ranks", std::move(ranks)},
            {"notes", plan.notes},
            {"mpirun", mpirun_line(plan, nodes, kCommand, mpi_make(mpi_library()))},
            {"srun", srun_line(plan, nodes, kCommand)}};
}

std::string core_map_text(const CorePlan& plan, int nodes) {
    std::string text = fmt::format("Training by {} rank{} a node, {} thread{} each{}:\n\n", plan.ranks.size(),
                                   plan.ranks.size() == 1 ? "" : "s", plan.threads, plan.threads == 1 ? "" : "s",
                                   plan.own_core ? " and one core free of them" : "");
    std::vector<std::vector<std::string>> rows{{"rank", "sockets", "compute", "communication", "decoding"}};
    for (std::size_t r = 0; r < plan.ranks.size(); ++r) {
        const RankCores& rank = plan.ranks[r];
        rows.push_back({std::to_string(r), cpu_list(rank.sockets), cpu_list(rank.compute), cpu_list(rank.communication),
                        cpu_list(rank.loaders)});
    }
    text += format_table(rows) + "\n";
    for (const std::string& note : plan.notes) text += "Note: " + note + "\n";
    return text + mpirun_line(plan, nodes, kCommand, mpi_make(mpi_library())) + "\n" +
           srun_line(plan, nodes, kCommand) + "\n";
}

}  // namespace keel::cli
